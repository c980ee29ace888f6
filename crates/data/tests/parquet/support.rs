//! Small Parquet files made column by column, right or wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradus_data::{DataError, Example, ExampleReader};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A file that another program wrote.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet/files");
    directory.join(name)
}

/// Definition and repetition levels of a column.
pub(crate) type Levels = (Vec<i16>, Vec<i16>);

/// The values of a column.
pub(crate) enum Values {
    Texts(Vec<&'static [u8]>),
    /// The same text again and again.
    Repeated(ByteArray, usize),
    Whole(Vec<i64>),
    Numbers(Vec<f64>),
}

/// Writes one row group of plain pages to a file of this schema, such as `required binary prompt (STRING);`.
pub(crate) fn write(path: &Path, schema: &str, columns: Vec<(Levels, Values)>) {
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
    write_with(
        path,
        schema,
        columns,
        properties.set_dictionary_enabled(false),
    );
}

/// The same with other pages.
pub(crate) fn write_with(
    path: &Path,
    schema: &str,
    columns: Vec<(Levels, Values)>,
    properties: WriterPropertiesBuilder,
) {
    let schema = parse_message_type(&format!("message record {{ {schema} }}")).unwrap();
    let properties = properties.build();
    let file = fs_err::File::create(path).unwrap().into_parts().0;
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).unwrap();
    if !columns.is_empty() {
        let mut group = writer.next_row_group().unwrap();
        for ((definition, repetition), values) in columns {
            let mut column = group.next_column().unwrap().unwrap();
            let levels = (some(&definition), some(&repetition));
            let written = match (column.untyped(), values) {
                (ColumnWriter::ByteArrayColumnWriter(writer), Values::Texts(texts)) => {
                    let texts: Vec<ByteArray> = texts
                        .into_iter()
                        .map(|text| ByteArray::from(text.to_vec()))
                        .collect();
                    writer.write_batch(&texts, levels.0, levels.1)
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Values::Repeated(text, times)) => {
                    let texts = vec![text; times];
                    writer.write_batch(&texts, levels.0, levels.1)
                }
                (ColumnWriter::Int64ColumnWriter(writer), Values::Whole(values)) => {
                    writer.write_batch(&values, levels.0, levels.1)
                }
                (ColumnWriter::DoubleColumnWriter(writer), Values::Numbers(values)) => {
                    writer.write_batch(&values, levels.0, levels.1)
                }
                _ => panic!("values of another type than the column"),
            };
            written.unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// A column without levels is written without any.
fn some(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}

/// Levels of a column that is there in every row and in no list.
pub(crate) fn flat() -> Levels {
    (Vec::new(), Vec::new())
}

/// Reads a file to its end, row by row and in batches on all cores, which has to give the same.
pub(crate) fn read(path: &Path) -> Vec<Result<Example, DataError>> {
    let mut reader = match ExampleReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return vec![Err(error)],
    };
    let (mut read, mut expected) = (Vec::new(), Vec::new());
    while let Some(row) = reader.next() {
        expected.push((reader.number(), reader.location().clone(), shown(&row)));
        read.push(row);
    }
    let reader = ExampleReader::open(path).unwrap();
    let mut reader = reader.in_parallel(|example| example);
    let mut found = Vec::new();
    while let Some(row) = reader.next() {
        found.push((reader.number(), reader.location().clone(), shown(&row)));
    }
    assert_eq!(found, expected);
    assert!(reader.next().is_none(), "nothing behind the end");
    let reader = ExampleReader::open(path).unwrap().without_meta();
    let rows = reader.in_parallel(|example| example);
    for (mut row, (_, _, expected)) in rows.zip(expected) {
        if let (Ok(row), Ok(expected)) = (&mut row, &expected) {
            assert!(row.meta.is_empty());
            row.meta.clone_from(&expected.meta);
        }
        assert_eq!(shown(&row), expected);
    }
    read
}

fn shown(row: &Result<Example, DataError>) -> Result<Example, String> {
    match row {
        Ok(example) => Ok(example.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// The first error in reading a file, as it is shown.
pub(crate) fn first_error(path: &Path) -> String {
    let error = read(path).into_iter().find_map(Result::err).unwrap();
    assert!(error.is_input(), "{error}");
    error.to_string()
}
