//! How good scores are on ratings that were held out, beside the trivial baselines.

use gradus_data::Example;
use gradus_eval::{
    Aspect, Baselines, Evaluation, Metric, MetricValues, Result, Scorer, scored_responses_async,
};
use serde_json::{Value, json};

/// By aspect the figures of the model and of each baseline, which was fitted to `train`.
pub(crate) async fn figures(scorer: &Scorer, train: &[Example], test: &[Example]) -> Result<Value> {
    let aspects: Vec<Aspect> = scorer.aspects().map(Aspect::named).collect();
    let baselines = Baselines::fit(scorer.aspects(), train)?;
    let (scored, _) = scored_responses_async(scorer, test).await?;
    let beside = baselines.scores(test);
    let evaluation = Evaluation::compute(&scored, &aspects, scorer.aggregation(), &beside)?;
    let of_aspects = evaluation.aspects.iter().map(|aspect| {
        let beside = aspect.baselines.iter();
        let beside = beside.map(|baseline| of(&baseline.name, &baseline.segment));
        json!({
            "aspect": aspect.aspect,
            "model": of("model", &aspect.segment.values),
            "baselines": beside.collect::<Vec<Value>>(),
        })
    });
    Ok(of_aspects.collect())
}

fn of(name: &str, values: &MetricValues) -> Value {
    json!({
        "name": name,
        "segments": values.count,
        "mse": values.get(Metric::MSE),
        "pearson": values.get(Metric::PEARSON),
        "spearman": values.get(Metric::SPEARMAN),
    })
}
