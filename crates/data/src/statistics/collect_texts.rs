use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use super::digest::{RecordDigest, start, texts};
use crate::{DataError, Example, Result, TextsDigest, TextsSketch};

/// Digests that are kept in memory, 4 MiB; further ones go to files.
const IN_MEMORY: usize = 1 << 17;
/// Files by the first bits of a digest. Each is read and sorted alone.
const FILES: usize = 64;

/// Collects a [`TextsDigest`], example by example, in little memory.
#[derive(Debug)]
pub struct DigestCollector {
    /// Where files are made; `None` keeps everything in memory.
    directory: Option<PathBuf>,
    records: usize,
    kept: Vec<RecordDigest>,
    /// Files without a name, once there are too many digests to keep.
    files: Vec<BufWriter<File>>,
    most: usize,
}

impl DigestCollector {
    /// A collector that keeps 32 bytes of each example.
    pub fn in_memory() -> Self {
        Self::keeping(IN_MEMORY, None)
    }

    /// A collector that keeps the digests of some 100,000 examples. Those of more go to files without a name in
    /// `directory`, 32 bytes of each.
    pub fn spilling_to(directory: impl Into<PathBuf>) -> Self {
        Self::keeping(IN_MEMORY, Some(directory.into()))
    }

    fn keeping(most: usize, directory: Option<PathBuf>) -> Self {
        Self {
            directory,
            records: 0,
            kept: Vec::new(),
            files: Vec::new(),
            most,
        }
    }

    /// Adds an example.
    ///
    /// # Errors
    /// [`DataError::Write`] if there is no room for files.
    pub fn add(&mut self, example: &Example) -> Result<()> {
        self.records += 1;
        self.kept.push(texts(example));
        if self.kept.len() < self.most {
            return Ok(());
        }
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let path = directory.clone();
        self.spill()
            .map_err(|cause| DataError::Write { path, cause })
    }

    /// Moves what is kept to the files.
    fn spill(&mut self) -> io::Result<()> {
        if let (true, Some(directory)) = (self.files.is_empty(), &self.directory) {
            let open = || tempfile::tempfile_in(directory).map(BufWriter::new);
            self.files = (0..FILES).map(|_| open()).collect::<io::Result<_>>()?;
        }
        for digest in self.kept.drain(..) {
            let file = usize::from(digest[0]) * FILES / 256;
            self.files[file].write_all(&digest)?;
        }
        Ok(())
    }

    /// The digest of all added examples.
    ///
    /// # Errors
    /// [`DataError::Write`] if the files cannot be written or read.
    pub fn finish(mut self) -> Result<TextsDigest> {
        if self.files.is_empty() {
            self.kept.sort_unstable();
            return Ok(TextsDigest::of_parts(self.records, [self.kept]));
        }
        let path = self.directory.clone().unwrap_or_default();
        let failed = |cause| DataError::Write {
            path: path.clone(),
            cause,
        };
        self.spill().map_err(failed)?;
        let mut failure = None;
        let parts = self.files.into_iter().map_while(|file| match sorted(file) {
            Ok(part) => Some(part),
            Err(cause) => {
                failure = Some(cause);
                None
            }
        });
        let digest = TextsDigest::of_parts(self.records, parts);
        failure.map_or(Ok(digest), |cause| Err(failed(cause)))
    }
}

/// The digests of a file in order.
fn sorted(file: BufWriter<File>) -> io::Result<Vec<RecordDigest>> {
    let mut file = file.into_inner()?;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (digests, _) = bytes.as_chunks::<32>();
    let mut digests = digests.to_vec();
    digests.sort_unstable();
    Ok(digests)
}

/// Collects a [`TextsSketch`], example by example. It keeps eight bytes of each.
#[derive(Debug, Clone, Default)]
pub struct SketchCollector {
    starts: Vec<u64>,
    /// Sums of the halves of all digests, which do not depend on their order.
    sums: [u128; 2],
}

impl SketchCollector {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an example.
    pub fn add(&mut self, example: &Example) {
        self.add_digest(texts(example));
    }

    /// The digest of an example, which takes longest, on any thread.
    pub fn digest_of(example: &Example) -> [u8; 32] {
        texts(example)
    }

    /// Adds an example by its digest.
    pub fn add_digest(&mut self, digest: [u8; 32]) {
        self.starts.push(start(&digest));
        let (halves, _) = digest.as_chunks::<16>();
        for (sum, half) in self.sums.iter_mut().zip(halves) {
            *sum = sum.wrapping_add(u128::from_le_bytes(*half));
        }
    }

    /// Whether both have seen the same texts, each as often.
    pub fn same_texts(&self, other: &Self) -> bool {
        (self.starts.len(), self.sums) == (other.starts.len(), other.sums)
    }

    /// The sketch of all added examples.
    pub fn finish(self) -> TextsSketch {
        TextsSketch::of_starts(self.starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(prompts: impl Iterator<Item = usize>) -> Vec<Example> {
        let example = |k| Example {
            prompt: format!("p{k}"),
            response: "r".into(),
            ..Example::default()
        };
        prompts.map(example).collect()
    }

    #[test]
    fn files_give_the_digest_of_memory() {
        let directory = tempfile::tempdir().unwrap();
        let all = examples((0..700).chain(0..9));
        let expected = TextsDigest::of(&all);
        for most in [1, 7, 100, 709, 10_000] {
            for place in [None, Some(directory.path().to_owned())] {
                let mut collector = DigestCollector::keeping(most, place);
                for example in &all {
                    collector.add(example).unwrap();
                }
                assert_eq!(collector.finish().unwrap(), expected, "{most}");
            }
        }
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 0);
        let none = DigestCollector::in_memory().finish().unwrap();
        assert_eq!(none, TextsDigest::of(&[]));
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error() {
        let mut collector = DigestCollector::keeping(1, Some("/no/such/directory".into()));
        let error = collector.add(&Example::default()).unwrap_err();
        assert!(matches!(error, DataError::Write { .. }), "{error}");
    }

    #[test]
    fn a_collected_sketch_is_that_of_the_list_and_tells_the_same_texts() {
        let collect = |examples: &[Example]| {
            let mut collector = SketchCollector::new();
            for example in examples {
                collector.add(example);
            }
            collector
        };
        let all = examples(0..50);
        assert_eq!(collect(&all).finish(), TextsSketch::of(&all));
        let mut other = all.clone();
        other.reverse();
        assert!(collect(&all).same_texts(&collect(&other)));
        other[0] = other[1].clone();
        assert!(!collect(&all).same_texts(&collect(&other)));
        assert!(!collect(&all).same_texts(&collect(&all[1..])));
    }
}
