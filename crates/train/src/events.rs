//! Events for Burn's processor: the dashboard and its interrupter.

use burn::data::dataset::DatasetError;
use burn::train::{
    EventProcessorTraining, Interrupter, LearnerEvent, SupervisedTrainingEventProcessor,
};

use crate::TrainError;
use crate::learner::{RatingOutcome, RegressionLearner};

pub(crate) type Processor = SupervisedTrainingEventProcessor<RegressionLearner>;

/// Sends events to Burn's processor; an error there stops the run through the interrupter.
pub(crate) struct Events {
    pub(crate) processor: Processor,
    pub(crate) interrupter: Interrupter,
}

impl Events {
    pub(crate) fn train(&mut self, event: LearnerEvent<RatingOutcome>) {
        let sent = self.processor.process_train(event);
        self.interrupter.fail_on_error(sent);
    }

    pub(crate) fn valid(&mut self, event: LearnerEvent<RatingOutcome>) {
        let sent = self.processor.process_valid(event);
        self.interrupter.fail_on_error(sent);
    }

    /// What a loader that failed means for the run.
    pub(crate) fn failed(&self, error: DatasetError) -> TrainError {
        let reason = error.to_string();
        self.interrupter.fail(error);
        match self.interrupter.error() {
            Some(error) => TrainError::Burn(error),
            None => TrainError::Interrupted { reason },
        }
    }
}
