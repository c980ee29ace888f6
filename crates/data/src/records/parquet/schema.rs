//! Which columns make up which field of a record.

use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::Type;

use super::error::Damage;

/// A field, and the columns below it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// The definition level from which on it is there, if it may be missing.
    pub(super) optional: Option<i16>,
    /// First of its columns, and the one behind the last.
    pub(super) first: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Leaf,
    Group(Vec<Node>),
    /// A list; its repetition level, and the definition level from which on it has an element.
    List {
        repetition: i16,
        definition: i16,
        element: Box<Node>,
    },
    /// A list of keys and values.
    Map {
        repetition: i16,
        definition: i16,
        key: Box<Node>,
        value: Option<Box<Node>>,
    },
}

/// Levels of what lies above a field, and the number of the next column.
#[derive(Clone, Copy)]
struct Levels {
    repetition: i16,
    definition: i16,
}

/// The fields of a record.
pub(super) fn fields(root: &Type) -> Result<Vec<Node>, Damage> {
    let mut next = 0;
    let above = Levels {
        repetition: 0,
        definition: 0,
    };
    let nodes = children(root.get_fields(), above, &mut next)?;
    if next == 0 {
        return Err(Damage::new("found no column, expected those of a record"));
    }
    Ok(nodes)
}

fn children(
    fields: &[std::sync::Arc<Type>],
    above: Levels,
    next: &mut usize,
) -> Result<Vec<Node>, Damage> {
    let nodes = fields.iter().map(|field| node(field, above, next));
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    for (index, node) in nodes.iter().enumerate() {
        // As keys of an object, one would take the place of the other.
        if nodes[..index].iter().any(|other| other.name == node.name) {
            let problem = "found two columns of that name, expected one";
            return Err(Damage::new(problem)
                .with_hint("rename one of them, or leave it out, and write the file again")
                .in_column(&node.name));
        }
    }
    Ok(nodes)
}

fn node(field: &Type, above: Levels, next: &mut usize) -> Result<Node, Damage> {
    let info = field.get_basic_info();
    let repetition = if info.has_repetition() {
        info.repetition()
    } else {
        Repetition::REQUIRED
    };
    if repetition == Repetition::REPEATED {
        // A repeated field outside a list is a list that is always there.
        let first = *next;
        let inside = repeated(above);
        let element = Node {
            optional: None,
            ..body(field, inside, next)?
        };
        return Ok(list(field.name(), None, first, inside, element));
    }
    let inside = Levels {
        definition: above.definition + i16::from(repetition == Repetition::OPTIONAL),
        ..above
    };
    let optional = (repetition == Repetition::OPTIONAL).then_some(inside.definition);
    Ok(Node {
        optional,
        ..body(field, inside, next)?
    })
}

fn repeated(above: Levels) -> Levels {
    Levels {
        repetition: above.repetition + 1,
        definition: above.definition + 1,
    }
}

fn list(name: &str, optional: Option<i16>, first: usize, inside: Levels, element: Node) -> Node {
    Node {
        name: name.to_owned(),
        optional,
        first,
        end: element.end,
        kind: Kind::List {
            repetition: inside.repetition,
            definition: inside.definition,
            element: Box::new(element),
        },
    }
}

/// A field as it is where it is there.
fn body(field: &Type, levels: Levels, next: &mut usize) -> Result<Node, Damage> {
    let first = *next;
    let name = field.name();
    if field.is_primitive() {
        *next += 1;
        return Ok(Node {
            name: name.to_owned(),
            optional: None,
            first,
            end: *next,
            kind: Kind::Leaf,
        });
    }
    match (annotation(field), field.get_fields()) {
        (Annotation::List, [inner]) if is_repeated(inner) => {
            let inside = repeated(levels);
            let element = list_element(name, inner, inside, next)?;
            return Ok(list(name, None, first, inside, element));
        }
        (Annotation::Map, [inner]) if is_repeated(inner) && inner.is_group() => {
            return map(field, inner, levels, next);
        }
        (Annotation::Variant, _) => {
            let problem = "found a VARIANT, expected texts, numbers or truth values";
            return Err(Damage::new(problem).in_column(name));
        }
        _ => {}
    }
    let nodes = children(field.get_fields(), levels, next).map_err(|damage| damage.below(name))?;
    if nodes.is_empty() {
        return Err(Damage::new("found a group without columns").in_column(name));
    }
    Ok(Node {
        name: name.to_owned(),
        optional: None,
        first,
        end: *next,
        kind: Kind::Group(nodes),
    })
}

/// The element of a list, by the rules of the format for lists of older writers.
fn list_element(
    list_name: &str,
    inner: &Type,
    inside: Levels,
    next: &mut usize,
) -> Result<Node, Damage> {
    if let [element] = group_fields(inner)
        && inner.name() != "array"
        && inner.name() != format!("{list_name}_tuple")
        && !is_repeated(element)
    {
        return node(element, inside, next).map_err(|damage| damage.below(list_name));
    }
    body(inner, inside, next).map_err(|damage| damage.below(list_name))
}

fn map(field: &Type, inner: &Type, levels: Levels, next: &mut usize) -> Result<Node, Damage> {
    let first = *next;
    let inside = repeated(levels);
    let mut parts = children(inner.get_fields(), inside, next)?.into_iter();
    let (Some(key), value, None) = (parts.next(), parts.next(), parts.next()) else {
        let problem = "found a map that has not a key and a value";
        return Err(Damage::new(problem).in_column(field.name()));
    };
    Ok(Node {
        name: field.name().to_owned(),
        optional: None,
        first,
        end: *next,
        kind: Kind::Map {
            repetition: inside.repetition,
            definition: inside.definition,
            key: Box::new(key),
            value: value.map(Box::new),
        },
    })
}

enum Annotation {
    None,
    List,
    Map,
    Variant,
}

fn annotation(field: &Type) -> Annotation {
    let info = field.get_basic_info();
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (None, ConvertedType::LIST) => Annotation::List,
        (Some(LogicalType::Map), _) | (None, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => {
            Annotation::Map
        }
        (Some(LogicalType::Variant(_)), _) => Annotation::Variant,
        _ => Annotation::None,
    }
}

fn group_fields(field: &Type) -> &[std::sync::Arc<Type>] {
    if field.is_group() {
        field.get_fields()
    } else {
        &[]
    }
}

fn is_repeated(field: &Type) -> bool {
    let info = field.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn two_columns_of_one_name_are_not_called_damage() {
        let schema = "message record { required binary a; optional binary b; required double a; }";
        let schema = parse_message_type(schema).unwrap();
        let error = fields(&schema).unwrap_err().of(Path::new("x.parquet"));
        let message = error.to_string();
        assert!(message.contains("two columns of that name"), "{message}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("rename one of them"), "{hint}");
    }

    #[test]
    fn two_columns_of_one_name_in_a_struct_are_refused_by_their_path() {
        let schema = "message record { required binary a; optional group segments (LIST) { repeated group list {
            optional group element { required int64 a; required int64 end; required int32 end; } } } }";
        let schema = parse_message_type(schema).unwrap();
        let error = fields(&schema).unwrap_err().of(Path::new("x.parquet"));
        let message = error.to_string();
        assert!(message.contains("`segments.element.end`"), "{message}");
        assert!(message.contains("two columns of that name"), "{message}");
    }
}
