//! A module of any type behind one pointer.
//!
//! Visitors and mappers of Burn have methods that are generic over the rank of a parameter, so that a
//! `dyn Module` cannot be. Here a rank is a number while a parameter crosses from the module to the
//! visitor, as inside of Burn's own reparameterizations.

use std::any::Any;
use std::fmt;

use burn::module::{Devices, Flag, Module, ModuleDisplay, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Device, Int, Tensor};

/// What a part must be: a module that threads may share.
pub trait PartModule: Module + ModuleDisplay + Sync + 'static {}

impl<M: Module + ModuleDisplay + Sync + 'static> PartModule for M {}

/// A module of any type. It has no name of its own in the paths of parameters.
pub(crate) struct AnyModule(Box<dyn ErasedModule>);

impl AnyModule {
    pub(crate) fn new(module: impl PartModule) -> Self {
        Self(Box::new(module))
    }

    /// The module, if it is of this type.
    pub(crate) fn get<M: PartModule>(&self) -> Option<&M> {
        self.0.as_any().downcast_ref()
    }

    /// The module, if it is of this type; itself otherwise.
    pub(crate) fn take<M: PartModule>(self) -> Result<M, Self> {
        if self.get::<M>().is_none() {
            return Err(self);
        }
        let module = self.0.into_any().downcast::<M>();
        Ok(*module.expect("its type was just compared"))
    }
}

impl Clone for AnyModule {
    fn clone(&self) -> Self {
        Self(self.0.cloned())
    }
}

impl fmt::Debug for AnyModule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl AnyModule {
    pub(crate) fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.collected(devices)
    }
    pub(crate) fn fork(self, device: &Device) -> Self {
        Self(self.0.forked(device))
    }
    pub(crate) fn moved_to(self, device: &Device) -> Self {
        Self(self.0.moved(device))
    }
    pub(crate) fn train(self) -> Self {
        Self(self.0.trained())
    }
    pub(crate) fn valid(&self) -> Self {
        Self(self.0.validated())
    }
    pub(crate) fn materialize(self) -> Self {
        Self(self.0.materialized())
    }
    pub(crate) fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visited(&mut Ranked(visitor));
    }
    pub(crate) fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(self.0.mapped(&mut Ranked(mapper)))
    }
}

/// Implements [`Module`] for a struct with a field `module: AnyModule`, which is all that Burn sees.
macro_rules! module_around {
    ($part:ty) => {
        impl burn::module::Module for $part {
            fn collect_devices(&self, devices: burn::module::Devices) -> burn::module::Devices {
                self.module.collect_devices(devices)
            }
            fn fork(self, device: &burn::tensor::Device) -> Self {
                let module = self.module.fork(device);
                Self { module, ..self }
            }
            fn to_device(self, device: &burn::tensor::Device) -> Self {
                let module = self.module.moved_to(device);
                Self { module, ..self }
            }
            fn train(self) -> Self {
                let module = self.module.train();
                Self { module, ..self }
            }
            fn valid(&self) -> Self {
                let module = self.module.valid();
                Self {
                    module,
                    ..self.clone()
                }
            }
            fn materialize(self) -> Self {
                let module = self.module.materialize();
                Self { module, ..self }
            }
            fn visit<Visitor: burn::module::ModuleVisitor>(&self, visitor: &mut Visitor) {
                self.module.visit(visitor);
            }
            fn map<Mapper: burn::module::ModuleMapper>(self, mapper: &mut Mapper) -> Self {
                let module = self.module.map(mapper);
                Self { module, ..self }
            }
        }

        impl burn::module::ModuleDisplay for $part {}

        impl burn::module::ModuleDisplayDefault for $part {
            fn content(&self, content: burn::module::Content) -> Option<burn::module::Content> {
                content
                    .add_debug_attribute("module", &self.module)
                    .optional()
            }
        }
    };
}
pub(crate) use module_around;

/// [`Module`] without generic methods.
trait ErasedModule: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn cloned(&self) -> Box<dyn ErasedModule>;
    fn collected(&self, devices: Devices) -> Devices;
    fn forked(self: Box<Self>, device: &Device) -> Box<dyn ErasedModule>;
    fn moved(self: Box<Self>, device: &Device) -> Box<dyn ErasedModule>;
    fn trained(self: Box<Self>) -> Box<dyn ErasedModule>;
    fn validated(&self) -> Box<dyn ErasedModule>;
    fn materialized(self: Box<Self>) -> Box<dyn ErasedModule>;
    fn visited(&self, visitor: &mut dyn ErasedVisitor);
    fn mapped(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn ErasedModule>;
}

impl<M: PartModule> ErasedModule for M {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
    fn cloned(&self) -> Box<dyn ErasedModule> {
        Box::new(self.clone())
    }
    fn collected(&self, devices: Devices) -> Devices {
        self.collect_devices(devices)
    }
    fn forked(self: Box<Self>, device: &Device) -> Box<dyn ErasedModule> {
        Box::new((*self).fork(device))
    }
    fn moved(self: Box<Self>, device: &Device) -> Box<dyn ErasedModule> {
        Box::new((*self).to_device(device))
    }
    fn trained(self: Box<Self>) -> Box<dyn ErasedModule> {
        Box::new((*self).train())
    }
    fn validated(&self) -> Box<dyn ErasedModule> {
        Box::new(self.valid())
    }
    fn materialized(self: Box<Self>) -> Box<dyn ErasedModule> {
        Box::new((*self).materialize())
    }
    fn visited(&self, visitor: &mut dyn ErasedVisitor) {
        self.visit(&mut Erased(visitor));
    }
    fn mapped(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn ErasedModule> {
        Box::new((*self).map(&mut Erased(mapper)))
    }
}

/// [`ModuleVisitor`] with the rank of a parameter as a number.
trait ErasedVisitor {
    fn float(&mut self, rank: usize, param: &dyn Any);
    fn int(&mut self, rank: usize, param: &dyn Any);
    fn bool(&mut self, rank: usize, param: &dyn Any);
    fn flag(&mut self, flag: &Param<Flag>);
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
}

/// [`ModuleMapper`] with the rank of a parameter as a number.
trait ErasedMapper {
    fn float(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any>;
    fn int(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any>;
    fn bool(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any>;
    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag>;
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
}

/// The module's side: ranks become numbers.
struct Erased<'a, T: ?Sized>(&'a mut T);

/// The visitor's side: numbers become ranks again.
struct Ranked<'a, T>(&'a mut T);

const SAME: &str = "a parameter of the rank and kind that it was sent with";

fn back<T: 'static>(param: Box<dyn Any>) -> T {
    *param.downcast().expect(SAME)
}

impl ModuleVisitor for Erased<'_, dyn ErasedVisitor + '_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.float(D, param);
    }
    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.int(D, param);
    }
    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.bool(D, param);
    }
    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.flag(flag);
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }
    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }
}

impl ModuleMapper for Erased<'_, dyn ErasedMapper + '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        back(self.0.float(D, Box::new(param)))
    }
    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        back(self.0.int(D, Box::new(param)))
    }
    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        back(self.0.bool(D, Box::new(param)))
    }
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.flag(flag)
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }
    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }
}

/// Runs `$body` with the constant `$d` for the number `$rank`; Burn's parameters have up to 8 axes.
macro_rules! with_rank {
    ($rank:expr, $d:ident => $body:expr) => {
        with_rank!(@each $rank, $d => $body; 0 1 2 3 4 5 6 7 8)
    };
    (@each $rank:expr, $d:ident => $body:expr; $($n:literal)+) => {
        match $rank {
            $($n => {
                const $d: usize = $n;
                $body
            })+
            other => unreachable!("a parameter with {other} axes"),
        }
    };
}

impl<V: ModuleVisitor> ErasedVisitor for Ranked<'_, V> {
    fn float(&mut self, rank: usize, param: &dyn Any) {
        with_rank!(rank, D => self.0.visit_float(param.downcast_ref::<Param<Tensor<D>>>().expect(SAME)));
    }
    fn int(&mut self, rank: usize, param: &dyn Any) {
        with_rank!(rank, D => self.0.visit_int(param.downcast_ref::<Param<Tensor<D, Int>>>().expect(SAME)));
    }
    fn bool(&mut self, rank: usize, param: &dyn Any) {
        with_rank!(rank, D => self.0.visit_bool(param.downcast_ref::<Param<Tensor<D, Bool>>>().expect(SAME)));
    }
    fn flag(&mut self, flag: &Param<Flag>) {
        self.0.visit_flag(flag);
    }
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }
    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }
}

impl<M: ModuleMapper> ErasedMapper for Ranked<'_, M> {
    fn float(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any> {
        with_rank!(rank, D => Box::new(self.0.map_float::<D>(back(param))))
    }
    fn int(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any> {
        with_rank!(rank, D => Box::new(self.0.map_int::<D>(back(param))))
    }
    fn bool(&mut self, rank: usize, param: Box<dyn Any>) -> Box<dyn Any> {
        with_rank!(rank, D => Box::new(self.0.map_bool::<D>(back(param))))
    }
    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.map_flag(flag)
    }
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }
    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};

    use super::*;

    /// A parameter of every kind.
    #[derive(Module, Debug)]
    struct Inner {
        layers: Vec<Linear>,
        dropout: Dropout,
        counts: Param<Tensor<1, Int>>,
    }

    #[derive(Clone, Debug)]
    struct Part {
        module: AnyModule,
        /// Burn sees nothing of what is beside the module.
        name: &'static str,
    }

    module_around!(Part);

    fn inner(device: &Device) -> Inner {
        Inner {
            layers: vec![LinearConfig::new(2, 3).init(device)],
            dropout: DropoutConfig::new(0.5).init(),
            counts: Param::initialized(
                burn::module::ParamId::new(),
                Tensor::from_ints([1, 2], device),
            ),
        }
    }

    /// Paths, and values of whatever has some.
    fn seen(module: &impl Module) -> Vec<String> {
        #[derive(Default)]
        struct Seen(Vec<String>, Vec<String>);
        impl Seen {
            fn see(&mut self, value: impl fmt::Display) {
                self.1.push(format!("{}: {value}", self.0.join(".")));
            }
        }
        impl ModuleVisitor for Seen {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.see(param.val().into_data());
            }
            fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
                self.see(param.val().into_data());
            }
            fn visit_flag(&mut self, flag: &Param<Flag>) {
                self.see(flag.is_enabled());
            }
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.0.push(name.to_owned());
            }
            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.0.pop();
            }
        }
        let mut visitor = Seen::default();
        module.visit(&mut visitor);
        visitor.1
    }

    #[test]
    fn a_part_is_to_burn_what_is_in_it() {
        let device = Device::flex();
        let module = inner(&device);
        let part = Part {
            module: AnyModule::new(module.clone()),
            name: "part",
        };
        assert_eq!(seen(&module).len(), 4);
        assert_eq!(seen(&part), seen(&module));
        assert_eq!(part.num_params(), module.num_params());
        // By mapping, by records, and on another device.
        let frozen = (part.clone().freeze(), module.clone().freeze());
        assert_eq!(seen(&frozen.0), seen(&frozen.1));
        assert_ne!(seen(&frozen.0), seen(&part));
        let other = Part {
            module: AnyModule::new(inner(&device)),
            name: "other",
        };
        assert_ne!(seen(&other), seen(&part));
        let loaded = other.load_record(part.clone().into_record());
        assert_eq!((seen(&loaded), loaded.name), (seen(&part), "other"));
        let trained = part.clone().to_device(&device.clone().autodiff()).train();
        assert!(trained.devices()[0].is_autodiff());
        assert_eq!(seen(&trained.valid()), seen(&module.valid()));
        assert!(part.module.get::<Linear>().is_none());
        assert!(part.module.take::<Inner>().is_ok());
    }
}
