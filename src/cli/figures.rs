//! What the printed figures mean, in a sentence each: the end of a command's long help.

pub(super) const EVAL_FIGURES: &str = "\
Figures. All but F1, AUROC, AUPRC and the classes are about values; a dash is a figure that does not exist.
  J                    minus the mean squared error; 0 is best
  RMSE, MAE            root of the mean squared error; mean absolute error; in rating units
  bias                 mean of score minus rating: scores are too high if it is above 0
  R²                   share of the variance of the ratings that the scores explain; below 0: the mean is better
  Pearson, Spearman,   agreement of values up to scale, of ranks, and of the order of pairs, from -1 to 1;
  Kendall τ-b          1 is perfect, 0 is none
  largest error        distance of the worst score from its rating
  concordance          Pearson's correlation, lowered where mean or spread differ; 1 only if scores equal ratings
  pairwise accuracy    share of the pairs within a response that the scores put in order; 0.5 is chance
  AUROC                probability that a high segment scores above a low one; 0.5 is chance
  AUPRC                mean precision of the high class over all thresholds; the share of high segments is chance
  F1                   harmonic mean of precision and recall of the high class, cut at the midpoint
  from, to             ends of the interval, from resamples of whole responses
  train mean,          baselines that know only the mean rating, the place and length of a segment, or its
  position + length,   words: what a model has to beat
  bag of words
  offset dropped,      the model's scores without the baseline that it was trained beside, or with it where
  offset kept          --offset drop was given
  whole texts only,    the same figures for texts that were read whole, and for those that were cut
  truncated only
  rated, scored        of the classes: segments that are rated so, and segments that are scored so
  precision, recall    share of the segments scored so that are rated so; share of those rated so that are
                       scored so
  doubtful             the flags of the bundle's threshold as such a class
  prediction interval  the share of ratings within the interval that the bundle learned around each score
  bias², spread, lack  parts of the MSE: level, width, and order of the scores
  of correlation
  calibration error    distance of mean score and mean rating in bins of equal count: mean and largest
  Krippendorff's alpha agreement of several raters: 1 is full, 0 is chance
  input, mean score    of an ablation: what the model was given, and the mean of its scores; `difference` is
                       that to the whole input
  worst slices         parts of the data (by place, length and keys) with the largest RMSE";

pub(super) const CALIBRATE_FIGURES: &str = "\
Figures:
  MSE, bias            mean squared error, and mean of score minus rating, before and after
  calibration error,   distance of mean score and mean rating in bins of equal count: mean, and that of the
  largest              worst bin
  Pearson, Spearman    agreement of values up to scale, and of ranks
  mean score, becomes, of the segments in a bin: mean score, what the map makes of it, and the mean rating that
  mean rating          it should be";

pub(super) const THRESHOLD_FIGURES: &str = "\
Figures:
  score at most        a threshold: segments up to this score, before recalibration, would be flagged
  flagged              share of all segments that it flags
  precision            share of the flags on low segments; that of a flag on everything is the share of low ones
  recall               share of the low segments that are flagged
  F1                   harmonic mean of both
  on held-out parts    the same choice made on nine tenths of the responses and tried on the rest, in turns
  cost per segment     with --cost: costs of wrong flags and missed segments, divided by the segments";

pub(super) const JUDGE_AUDIT_FIGURES: &str = "\
Figures:
  answer, prompts      the answer that says nothing, and the prompts that it was given to
  score, real          mean score of this answer, and of the real answers to the same prompts
  wins                 share of the prompts where it scores above the real answer; equal scores count half
  danger               `some` from 0.1 wins on, `great` from 0.5 on, where it pays to write nothing else";

pub(super) const COMPARE_FIGURES: &str = "\
Figures:
  system, scored,      each system, best first; rated segments that it scores; those that it does not score; and
  missing, left out    those that are not compared because another system does not score them
  pair, diff.          first minus second system; of an error, below 0 means that the first is better
  95 % interval        of the difference, from paired resamples of responses
  p, corr.             probability of such a difference between equal systems; corrected for several pairs
  t-test, Wilcoxon     p of two other tests, on the squared error per response
  win/tie/loss         responses on which the squared error of the first is smaller, equal, larger";

pub(super) const GENERATORS_FIGURES: &str = "\
Figures:
  generator, prompts   who answered, and to how many prompts of both generators
  score                mean score of its answers by the judge
  rated                prompts with rated answers, of --rated
  judge's bias         mean of score minus rating on these; of a gap: what the judge adds to it
  corrected            the mean rating that is expected, and its gap: scores corrected by the ratings
  gap, of the scores   first minus second generator, and that gap by the judge alone; intervals in brackets";

pub(super) const EXPLAIN_FIGURES: &str = "\
Figures:
  record #segment      id of the record, and the segment's number in it
  rating, as rating    what a person gave; the score in the same units, where the scale is not the identity
  target, score        rating and score on the training scale
  error, error²        score minus target, and its square
  loss                 share of the batch's loss
  gradient             derivative of the loss by this score
  head                 share of the gradient of the head's weights
  J                    minus the mean squared error of the batch";

pub(super) const PROBE_FIGURES: &str = "\
Figures:
  penalty              weight of the squared head weights in the ridge regression
  train MSE, valid MSE mean squared error in target units on both splits; the lowest valid MSE is kept";

pub(super) const PROCESS_FIGURES: &str = "\
Figures (shares in percent, intervals in brackets):
  subset, class,       parts of the benchmark
  dimension, classes
  solutions, steps     how many of them there are
  wrong                solutions with a wrong step; in prmbench, wrong steps
  found exactly        share of the wrong solutions whose first wrong step is found
  right kept           share of the right solutions in which no step is called wrong
  F1                   harmonic mean of both; in prmbench, of precision and recall of right steps
  negative F1          the same of wrong steps
  score                in prmbench: half of F1 and half of negative F1
  average, overall     mean over the subsets; all steps together
  chosen by            rule that picks one response of a group
  mean outcome, ties   mean quality of the picks; groups in which several are equally good
  random choice,       what a rule that knows nothing, and one that knows the outcome, would reach
  best possible";

pub(super) const STATS_FIGURES: &str = "\
Figures:
  length               characters per response and segment, segments per response: min, mean and max
  rated, unrated       segments with and without a rating
  ratings, distinct    how many ratings there are, and how many different values
  min, mean, max, sd   lowest, mean and highest rating, and standard deviation
  histogram            ratings in ten bins of equal width, from lowest to highest
  RMSE of a rater      distance of one rater from the mean of the others, root mean square
  Krippendorff's alpha agreement of several raters: 1 is full, 0 is chance";

pub(super) const AUDIT_FIGURES: &str = "\
Figures:
  split, examples,     the splits, with their records, different prompts and segments
  prompts, segments
  unrated              share of the segments without a rating
  a response           mean number of segments in one
  characters           mean length of a segment
  outside              share of the text of responses that is in no segment
  ratings, count,      ratings of an aspect: how many, how many different values, lowest, mean and highest, and
  distinct, min, mean, standard deviation
  max, sd
  histogram            ratings in ten bins of equal width, from lowest to highest; `·` is an empty one
  Pearson with the     how well a property of a segment alone predicts its rating; `!` marks a trap: as good as a
  rating               model may be
  fitted               the same of place and length together, on held-out prompts";

/// Help with the figures behind it.
pub(super) fn with(help: &str, figures: &str) -> String {
    format!("{help}\n\n{figures}")
}
