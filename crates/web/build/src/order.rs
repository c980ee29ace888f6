//! Makes a module smaller when compressed: functions that are the same become one, and those that look alike stand side by
//! side, where the compression, which looks back 32 kB, finds what they share. What they compute stays the same.

use std::collections::HashMap;
use std::convert::Infallible;

use anyhow::{Result, ensure};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Encode as _, Function, FunctionSection, Module};
use wasmparser::{
    BinaryReader, CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader,
    KnownCustom, Name, Parser, Payload, TypeRef,
};

/// The module in the better order. It has to have the names of its functions, and loses them.
pub(crate) fn for_compression(module: &[u8]) -> Result<Vec<u8>> {
    let functions = Functions::read(module)?;
    let mut moved = Moved::to_first_of_same(&functions)?;
    // Instances of the same generic function have the same name.
    moved
        .order
        .sort_by_key(|&k| (&functions.names[k], functions.bodies[k]));
    moved.number_by_order();
    let mut ordered = Module::new();
    moved.parse_core_module(&mut ordered, Parser::new(0), module)?;
    Ok(ordered.finish())
}

/// What a module has of its own functions; imported ones come before them in the numbering.
struct Functions<'a> {
    imported: usize,
    types: Vec<u32>,
    bodies: Vec<&'a [u8]>,
    names: Vec<&'a str>,
}

impl<'a> Functions<'a> {
    fn read(module: &'a [u8]) -> Result<Self> {
        let (mut imported, mut types, mut bodies) = (0, Vec::new(), Vec::new());
        let mut named = HashMap::new();
        for part in Parser::new(0).parse_all(module) {
            match part? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => bodies.push(&module[body.range()]),
                Payload::CustomSection(section) => named.extend(names(&section)?),
                _ => {}
            }
        }
        ensure!(
            !named.is_empty(),
            "the module has no names to order its functions by"
        );
        let name = |k| named.get(&(imported + k)).copied().unwrap_or_default();
        let names = (0..bodies.len()).map(name).collect();
        Ok(Self {
            imported,
            types,
            bodies,
            names,
        })
    }
}

/// The names of functions by their numbers, where the section has them.
fn names<'a>(section: &CustomSectionReader<'a>) -> Result<Vec<(usize, &'a str)>> {
    let mut found = Vec::new();
    if let KnownCustom::Name(parts) = section.as_known() {
        for part in parts {
            if let Name::Function(map) = part? {
                for name in map {
                    let name = name?;
                    found.push((name.index as usize, name.name));
                }
            }
        }
    }
    Ok(found)
}

/// A module whose functions are others.
struct Moved {
    imported: usize,
    /// The functions that remain, as numbered before, in their new order.
    order: Vec<usize>,
    /// For each function of before, the one that is called in its place.
    called: Vec<usize>,
}

impl Moved {
    /// Of functions of the same type that do the same, calls go to the first. Functions become the same when those that they
    /// call do, so this goes on until none is left.
    fn to_first_of_same(functions: &Functions) -> Result<Self> {
        let all: Vec<usize> = (0..functions.bodies.len()).collect();
        let mut moved = Self {
            imported: functions.imported,
            order: all.clone(),
            called: all,
        };
        loop {
            let (mut first, mut same) = (HashMap::new(), HashMap::new());
            for &k in &moved.order.clone() {
                let body = BinaryReader::new(functions.bodies[k], 0);
                let body = moved.body(&FunctionBody::new(body))?;
                let mut code = Vec::new();
                body.encode(&mut code);
                let one = *first.entry((functions.types[k], code)).or_insert(k);
                if one != k {
                    same.insert(k, one);
                }
            }
            if same.is_empty() {
                return Ok(moved);
            }
            moved.order.retain(|k| !same.contains_key(k));
            for called in &mut moved.called {
                *called = same.get(called).copied().unwrap_or(*called);
            }
        }
    }

    /// Numbers the functions that remain in their order.
    fn number_by_order(&mut self) {
        let places: HashMap<usize, usize> = self.order.iter().copied().zip(0..).collect();
        for called in &mut self.called {
            *called = places[called];
        }
    }

    fn body(&mut self, body: &FunctionBody) -> Result<Function, Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&self.parse_instruction(&mut reader)?);
        }
        Ok(function)
    }
}

impl Reencode for Moved {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        let own = (index as usize).checked_sub(self.imported);
        Ok(own.map_or(index, |k| (self.imported + self.called[k]) as u32))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for &k in &self.order {
            functions.function(types[k]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for k in self.order.clone() {
            code.function(&self.body(&bodies[k])?);
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        if matches!(section.as_known(), KnownCustom::Name(_)) {
            return Ok(());
        }
        utils::parse_custom_section(self, module, section)
    }
}
