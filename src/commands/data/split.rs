//! `gradus data split`

use std::path::Path;

use anyhow::Result;
use gradus::data::{
    DataError, Example, ExampleWriter, GroupCollector, GroupKey, Split, SplitFractions, split_by,
    split_groups,
};
use gradus_files::create_directories;

use super::commit;
use crate::output::{self, Content};
use crate::{records, show};

/// The keys by name.
pub(super) fn group_keys(texts: &[String]) -> Result<Vec<GroupKey>> {
    let keys = texts.iter().map(|text| text.parse());
    Ok(keys.collect::<Result<_, DataError>>()?)
}

/// The splits in the order in which their files get their names: if that of training exists, so do the others.
const SPLITS: [&str; 3] = ["test", "valid", "train"];

/// Writes the three splits under temporary names first, so that a failure leaves none of them. Reads the records twice,
/// and keeps none: once to find their groups, once to write them.
pub(super) fn run(
    file: &Path,
    (output, overwrite): (&Path, bool),
    keys: &[GroupKey],
    fractions: SplitFractions,
    seed: u64,
) -> Result<()> {
    output::check_directory(output)?;
    let Some(stored) = records::stored(file)? else {
        // Read only once, so that all records have to be kept.
        let examples = records::read(file)?;
        let split = split_by(&examples, keys, fractions, seed)?;
        let records = examples.into_iter().map(Ok);
        return write_splits(
            file,
            (output, overwrite),
            &split,
            (records, || Ok(())),
            keys,
        );
    };
    let mut groups = GroupCollector::new(keys.to_vec());
    let of_thread = keys.to_vec();
    records::each(
        file,
        move |example| GroupCollector::values_of(&of_thread, example),
        |example, values| {
            groups.add(&example, &values);
            Ok(())
        },
    )?;
    let split = split_groups(&groups.finish()?, fractions, seed)?;
    let reader = stored.reader()?.in_parallel(|example| example);
    let check = || stored.check();
    write_splits(file, (output, overwrite), &split, (reader, check), keys)
}

/// Writes each record to its split, and then checks what they were read from.
fn write_splits(
    file: &Path,
    (output, overwrite): (&Path, bool),
    split: &Split,
    (records, check): (
        impl Iterator<Item = Result<Example, DataError>>,
        impl FnOnce() -> Result<(), DataError>,
    ),
    keys: &[GroupKey],
) -> Result<()> {
    let mut split_of = vec![0_u8; split.train.len() + split.valid.len() + split.test.len()];
    for (number, indices) in (0..).zip([&split.test, &split.valid, &split.train]) {
        for &index in indices {
            split_of[index] = number;
        }
    }
    create_directories(output)?;
    let mut writers = SPLITS
        .iter()
        .map(|name| {
            let path = output.join(format!("{name}.jsonl"));
            let file = output::create(&path, Content::Records, overwrite, &[file])?;
            Ok(ExampleWriter::to_file(file)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut numbers = split_of.into_iter();
    for example in records {
        let example = example?;
        let number = numbers.next().ok_or_else(|| changed(file))?;
        writers[usize::from(number)].write(&example)?;
    }
    if numbers.next().is_some() {
        return Err(changed(file).into());
    }
    check()?;
    writers.into_iter().try_for_each(commit)?;
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    show::status(&format!("the splits share no {}", names.join(", no ")));
    Ok(())
}

fn changed(file: &Path) -> DataError {
    DataError::Changed {
        path: file.to_owned(),
    }
}
