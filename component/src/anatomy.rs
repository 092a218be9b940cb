//! A component taken apart: what it imports and exports, and how large it is. Nothing is compiled
//! or run.

use std::collections::BTreeSet;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, CompositeInnerType, Encoding, FunctionBody, Operator, Parser, Payload,
    Validator,
};

use crate::bounds::{
    COMPONENT_BYTES_MAX, FUNCTION_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, MEETINGS_MAX, MODULES_MAX,
    NESTING_MAX, PARAMETERS_MAX, RESULTS_MAX, VARIABLES_BY_BLOCKS_MAX,
};
use crate::engine::FEATURES;
use crate::error::ComponentError;

/// The names at the border of a component that is valid and within all bounds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Anatomy {
    /// What it imports, sorted.
    pub(crate) imports: Vec<String>,
    /// What it exports, sorted.
    pub(crate) exports: Vec<String>,
}

/// What is in work: the component, or one nested in it, or a core module.
struct Part {
    encoding: Encoding,
    /// The items that appear when this part is instantiated.
    items: u64,
    /// Likewise for each component that this part can name, by index.
    components: Vec<u64>,
}

/// Takes a component apart; refuses bytes that are not a component or that break a bound.
pub(crate) fn dissect(bytes: &[u8]) -> Result<Anatomy, ComponentError> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        return Err(ComponentError::TooLarge {
            bytes: bytes.len(),
            max: COMPONENT_BYTES_MAX,
        });
    }
    if !Parser::is_component(bytes) {
        return Err(no_component(bytes));
    }
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(bytes) {
        walk.step(&payload.map_err(invalid)?)?;
    }
    // The validator comes second: what it spends on types and functions is bounded by then.
    Validator::new_with_features(FEATURES)
        .validate_all(bytes)
        .map_err(invalid)?;
    let mut anatomy = walk.anatomy;
    anatomy.imports.sort();
    anatomy.exports.sort();
    Ok(anatomy)
}

fn no_component(bytes: &[u8]) -> ComponentError {
    if Parser::is_core_wasm(bytes) {
        return ComponentError::CoreModule;
    }
    ComponentError::NotWasm
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "handed to `map_err` in many places"
)]
fn invalid(error: wasmparser::Error) -> ComponentError {
    let what = error.message();
    ComponentError::Invalid(format!("{what} (at byte {})", error.offset()))
}

/// What has been seen so far.
#[derive(Default)]
struct Walk {
    parts: Vec<Part>,
    modules: u64,
    functions: u64,
    anatomy: Anatomy,
}

impl Walk {
    fn step(&mut self, payload: &Payload<'_>) -> Result<(), ComponentError> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(*encoding),
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            Payload::TypeSection(types) => signatures(types.clone()),
            Payload::FunctionSection(functions) => self.functions(functions.count()),
            Payload::CodeSectionEntry(body) => function(body),
            _ if self
                .parts
                .last()
                .is_some_and(|part| part.encoding == Encoding::Component) =>
            {
                self.section(payload)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), ComponentError> {
        if encoding == Encoding::Module {
            self.modules += 1;
            bounded("core modules", self.modules, MODULES_MAX)?;
        }
        bounded(
            "levels of nested components",
            self.parts.len() as u64,
            NESTING_MAX,
        )?;
        self.parts.push(Part {
            encoding,
            items: 0,
            components: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) {
        let part = self.parts.pop();
        if let Some(outer) = self.parts.last_mut()
            && let Some(part) = part
            && part.encoding == Encoding::Component
        {
            outer.components.push(part.items);
        }
    }

    fn functions(&mut self, count: u32) -> Result<(), ComponentError> {
        self.functions += u64::from(count);
        bounded("functions", self.functions, FUNCTIONS_MAX)
    }

    /// A section of a component.
    fn section(&mut self, payload: &Payload<'_>) -> Result<(), ComponentError> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    let import = import.map_err(invalid)?;
                    self.import(import.name.name, import.ty)?;
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export.map_err(invalid)?;
                    self.export(export.name.name, export.kind)?;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(&alias.map_err(invalid)?)?;
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    self.instance(&instance.map_err(invalid)?)?;
                }
            }
            Payload::InstanceSection(instances) => self.items(u64::from(instances.count()))?,
            Payload::ComponentCanonicalSection(functions) => {
                self.items(u64::from(functions.count()))?;
            }
            Payload::ComponentTypeSection(types) => self.items(u64::from(types.count()))?,
            Payload::CoreTypeSection(types) => self.items(u64::from(types.count()))?,
            Payload::ComponentStartSection { .. } => {
                return Err(ComponentError::Composed("it has a start function"));
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, name: &str, kind: ComponentTypeRef) -> Result<(), ComponentError> {
        self.items(1)?;
        if self.parts.len() == 1 {
            self.anatomy.imports.push(name.to_owned());
            return Ok(());
        }
        match kind {
            ComponentTypeRef::Module(_) | ComponentTypeRef::Component(_) => {
                Err(ComponentError::Composed("one that it nests imports code"))
            }
            _ => Ok(()),
        }
    }

    fn export(&mut self, name: &str, kind: ComponentExternalKind) -> Result<(), ComponentError> {
        self.items(1)?;
        if self.parts.len() == 1 {
            self.anatomy.exports.push(name.to_owned());
        }
        no_code(kind)
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), ComponentError> {
        self.items(1)?;
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => no_code(*kind),
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                ..
            } => Err(ComponentError::Composed(
                "one that it nests uses a core module",
            )),
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => self.outer(*count as usize, *index as usize),
            _ => Ok(()),
        }
    }

    /// A component of an outer one, known in the inner one as well.
    fn outer(&mut self, count: usize, index: usize) -> Result<(), ComponentError> {
        let outer = self.parts.len().checked_sub(1 + count);
        let items = outer
            .and_then(|outer| self.parts[outer].components.get(index).copied())
            .ok_or_else(|| ComponentError::Invalid("an alias leads nowhere".to_owned()))?;
        if let Some(part) = self.parts.last_mut() {
            part.components.push(items);
        }
        Ok(())
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), ComponentError> {
        match instance {
            ComponentInstance::FromExports(exports) => {
                for export in exports {
                    no_code(export.kind)?;
                }
                self.items(1 + exports.len() as u64)
            }
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let part = self.parts.last();
                let items = part.and_then(|part| part.components.get(*component_index as usize));
                let items = items.copied().ok_or_else(|| {
                    ComponentError::Invalid(
                        "an instance of a component that is not there".to_owned(),
                    )
                })?;
                self.items(items.saturating_add(1 + args.len() as u64))
            }
        }
    }

    /// Counts items of the part in work.
    fn items(&mut self, count: u64) -> Result<(), ComponentError> {
        let Some(part) = self.parts.last_mut() else {
            return Ok(());
        };
        part.items = part.items.saturating_add(count);
        bounded("items", part.items, ITEMS_MAX)
    }
}

/// Refuses to pass modules and components around as values.
fn no_code(kind: ComponentExternalKind) -> Result<(), ComponentError> {
    match kind {
        ComponentExternalKind::Module | ComponentExternalKind::Component => {
            Err(ComponentError::Composed("it passes code around"))
        }
        _ => Ok(()),
    }
}

fn bounded(what: &'static str, found: u64, max: u64) -> Result<(), ComponentError> {
    if found > max {
        return Err(ComponentError::TooMany { what, found, max });
    }
    Ok(())
}

/// Bounds the parameters and results of each signature of a module.
fn signatures(types: wasmparser::TypeSectionReader<'_>) -> Result<(), ComponentError> {
    for group in types {
        for declared in group.map_err(invalid)?.into_types() {
            if let CompositeInnerType::Func(signature) = &declared.composite_type.inner {
                bounded(
                    "parameters of one function",
                    signature.params().len() as u64,
                    PARAMETERS_MAX,
                )?;
                bounded(
                    "results of one function",
                    signature.results().len() as u64,
                    RESULTS_MAX,
                )?;
            }
        }
    }
    Ok(())
}

/// Bounds one function: its size, its variables by its blocks, and where values of variables meet.
fn function(body: &FunctionBody<'_>) -> Result<(), ComponentError> {
    let range = body.range();
    let bytes = (range.end - range.start) as u64;
    bounded("bytes in one function", bytes, FUNCTION_BYTES_MAX)?;
    let mut variables = PARAMETERS_MAX;
    for local in body.get_locals_reader().map_err(invalid)? {
        let (count, _) = local.map_err(invalid)?;
        variables += u64::from(count);
    }
    let mut tangle = Tangle::new(variables);
    let mut operators = body.get_operators_reader().map_err(invalid)?;
    while !operators.eof() {
        tangle.step(&operators.read().map_err(invalid)?)?;
    }
    Ok(())
}

/// What a function is for a compiler: at the end of a block, and at the beginning of a loop, the
/// values of all variables meet that are set within it.
struct Tangle {
    variables: u64,
    blocks: u64,
    meetings: u64,
    /// For each block that is open, the variables that were set in it.
    open: Vec<BTreeSet<u32>>,
}

impl Tangle {
    fn new(variables: u64) -> Self {
        Self {
            variables,
            blocks: 1,
            meetings: 0,
            open: vec![BTreeSet::new()],
        }
    }

    fn step(&mut self, operator: &Operator<'_>) -> Result<(), ComponentError> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.open.push(BTreeSet::new());
                self.blocks += 1;
                let tangled = self.blocks.saturating_mul(self.variables);
                let what = "variables times blocks in one function";
                bounded(what, tangled, VARIABLES_BY_BLOCKS_MAX)
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let Some(set) = self.open.last_mut() {
                    set.insert(*local_index);
                }
                Ok(())
            }
            Operator::End => self.close(),
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), ComponentError> {
        let Some(set) = self.open.pop() else {
            return Ok(());
        };
        self.meetings += set.len() as u64;
        if let Some(outer) = self.open.last_mut() {
            outer.extend(set);
        }
        bounded(
            "meetings of values in one function",
            self.meetings,
            MEETINGS_MAX,
        )
    }
}
