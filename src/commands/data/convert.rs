//! `gradus data convert`

use std::path::Path;

use anyhow::Result;
use gradus::data::{ExampleWriter, ParquetCodec, UnreadKeys, is_parquet_name};

use super::commit;
use crate::cli::Codec;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::progress::Reading;
use crate::records;

pub(super) fn run(
    input: &Path,
    output: &Path,
    compression: Option<Codec>,
    overwrite: bool,
) -> Result<()> {
    if compression.is_some() && !is_parquet_name(output) {
        let problem = format!(
            "--compression is for Parquet, but the output is {}, expected a name that ends in .parquet",
            output.display()
        );
        return Err(Usage::new(problem)
            .with_hint("JSONL is compressed if its name ends in .gz")
            .into());
    }
    let codec = compression.map_or_else(ParquetCodec::default, ParquetCodec::from);
    let output = output::create(output, Content::Records, overwrite, &[input])?;
    let reader = records::open(input)?.in_parallel(|example| example);
    let mut writer = ExampleWriter::to_compressed(output, codec)?;
    let mut unread = UnreadKeys::new();
    let mut reading = Reading::new("records", reader.progress());
    for example in reader {
        let example = example?;
        writer.write(&example)?;
        unread.add(&example);
        reading.add(1);
    }
    drop(reading);
    records::tell(input, &unread.finish());
    commit(writer)
}
