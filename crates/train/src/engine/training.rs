//! The settings of a run before it starts.

use std::sync::Arc;

use burn::prelude::*;
use gradus_data::Sampler;
use gradus_model::SegmentModel;

use super::{FitData, Fitted, OnBest, Session, TrainHistory};
use crate::Result;
use crate::checkpoint::{Fingerprint, SnapshotFiles, Store};
use crate::objective::LossTerm;
use crate::plan::CheckedConfig;

/// A model, its training data and settings: [`fit`](Self::fit) trains it.
///
/// ```no_run
/// # fn example(
/// #     model: gradus_model::RewardModel,
/// #     data: gradus_train::FitData,
/// #     device: burn::tensor::Device,
/// # ) -> gradus_train::Result<()> {
/// use gradus_train::{Checkpoints, Begin, Session, TrainConfig, Training};
///
/// let config = TrainConfig { epochs: 2, ..TrainConfig::default() }.check()?;
/// let checkpoints = Checkpoints {
///     directory: "run.checkpoints".into(),
///     begin: Begin::New,
///     files: vec![],
/// };
/// let fitted = Training::new(model, &data, &config, &device)
///     .with_session(Session { checkpoints: Some(checkpoints), ..Session::default() })
///     .fit()?;
/// println!("{:?}", fitted.history.best());
/// # Ok(())
/// # }
/// ```
pub struct Training<'a, M> {
    pub(super) model: M,
    pub(super) data: &'a FitData,
    pub(super) config: &'a CheckedConfig,
    pub(super) device: Device,
    pub(super) terms: Vec<Arc<dyn LossTerm>>,
    pub(super) sampler: Option<Arc<dyn Sampler>>,
    pub(super) session: Session,
    /// Additional settings that a resumed run must share.
    pub(super) settings: Fingerprint,
    pub(super) on_best: OnBest<'a, M>,
    /// Whether the head is new, so that nothing of what it says is learned.
    pub(super) head_is_new: bool,
    /// Already open checkpoints.
    pub(super) store: Option<Store>,
    /// Whether snapshots are made, and the one to go on from.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether snapshots are made"
    )]
    pub(super) snapshots: Option<Option<SnapshotFiles>>,
}

impl<'a, M: SegmentModel> Training<'a, M> {
    /// A run of `model` on a device, without observers and checkpoints.
    pub fn new(model: M, data: &'a FitData, config: &'a CheckedConfig, device: &Device) -> Self {
        Self {
            model,
            data,
            config,
            device: device.clone(),
            terms: Vec::new(),
            sampler: None,
            session: Session::default(),
            settings: Fingerprint::default(),
            on_best: Box::new(|_, _| Ok(())),
            head_is_new: false,
            store: None,
            snapshots: None,
        }
    }

    /// Says that the head is new: beside an offset, the candidate of before the first step is then the offset alone, and
    /// not what random weights say.
    #[must_use]
    pub(crate) fn with_new_head(mut self, is_new: bool) -> Self {
        self.head_is_new = is_new;
        self
    }

    /// Adds a term to the loss.
    #[must_use]
    pub fn with_term(mut self, term: impl LossTerm) -> Self {
        self.terms.push(Arc::new(term));
        self
    }

    /// Forms the batches of every epoch by a sampler instead of
    /// [`plan_batches`](gradus_data::plan_batches).
    #[must_use]
    pub fn with_sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Some(Arc::new(sampler));
        self
    }

    /// Sets the observers, checkpoints and other surroundings of the run.
    #[must_use]
    pub fn with_session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// Makes [`Engine::snapshot`](crate::Engine::snapshot) possible, and goes on from such a snapshot if there is one.
    /// Checkpoints of the session take the place of both.
    #[must_use]
    pub fn with_snapshots(mut self, resume: Option<SnapshotFiles>) -> Self {
        self.snapshots = Some(resume);
        self
    }

    /// Calls `on_best` with the model of every validation that is the best so far, for example to save it before the
    /// run ends.
    #[must_use]
    pub fn on_best(mut self, on_best: impl FnMut(&M, &TrainHistory) -> Result<()> + 'a) -> Self {
        self.on_best = Box::new(on_best);
        self
    }

    /// Uses already open checkpoints.
    #[must_use]
    pub(crate) fn with_store(mut self, store: Option<Store>) -> Self {
        self.store = store;
        self
    }

    /// Adds settings that a resumed run must share.
    #[must_use]
    pub(crate) fn with_settings(mut self, settings: Fingerprint) -> Self {
        self.settings = settings;
        self
    }

    /// Trains to the end: [`start`](Self::start), then [`run`](crate::Engine::run) and
    /// [`finish`](crate::Engine::finish).
    ///
    /// # Errors
    /// Those of the three.
    pub fn fit(self) -> Result<Fitted<M>> {
        let mut engine = self.start()?;
        engine.run()?;
        engine.finish()
    }

    /// Opens the checkpoints of the session, unless they are open.
    pub(super) fn open_store(&mut self) -> Result<Option<Store>> {
        match (self.store.take(), self.session.checkpoints.take()) {
            (None, Some(place)) => Store::open(place, self.config.keep_checkpoints).map(Some),
            (store, _) => Ok(store),
        }
    }
}
