//! Divides rows into parallel tasks, and writes results into uninitialized memory.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

/// Rows per task: at most `most`, about equal in all tasks, in so many tasks that two, four or
/// eight threads get equal shares. Depends only on the number of rows, so that neither the number
/// of threads nor their load changes a result.
pub(super) fn per_task(rows: usize, most: usize) -> usize {
    /// Minimum rows per task; smaller tasks cost more than they gain.
    const LEAST: usize = 32;
    /// Number of tasks, if there are enough rows.
    const SHARES: usize = 8;
    let tasks = if rows < SHARES * LEAST {
        rows.div_ceil(LEAST).next_multiple_of(2)
    } else {
        rows.div_ceil(most).next_multiple_of(SHARES)
    };
    rows.div_ceil(tasks.max(1)).max(1)
}

/// Default maximum of rows per task.
pub(super) const MANY: usize = 512;

/// Values that are not yet written.
pub(super) type Unwritten = [MaybeUninit<f32>];

/// Creates matrices with `rows` rows of the given widths, in tasks of `per_task` rows. `fill`
/// receives the rows of a task and their memory in each matrix, and returns that memory
/// initialized.
///
/// # Panics
/// If `fill` returns memory other than it received.
pub(super) fn by_rows<const N: usize>(
    rows: usize,
    per_task: usize,
    widths: [usize; N],
    fill: impl for<'a> Fn(Range<usize>, [&'a mut Unwritten; N]) -> [&'a mut [f32]; N] + Sync,
) -> [Vec<f32>; N] {
    let range = |task: usize| task * per_task..((task + 1) * per_task).min(rows);
    let lengths: Vec<[usize; N]> = (0..rows.div_ceil(per_task))
        .map(|task| widths.map(|width| range(task).len() * width))
        .collect();
    by_parts(&lengths, |task, parts| fill(range(task), parts))
}

/// Creates vectors from consecutive parts of the given lengths: each task fills one part of every
/// vector. `fill` receives a task's index and the memory of its parts, and returns that memory
/// initialized.
///
/// # Panics
/// If `fill` returns memory other than it received.
pub(super) fn by_parts<const N: usize>(
    lengths: &[[usize; N]],
    fill: impl for<'a> Fn(usize, [&'a mut Unwritten; N]) -> [&'a mut [f32]; N] + Sync,
) -> [Vec<f32>; N] {
    let mut slices: [_; N] =
        std::array::from_fn(|k| unwritten(lengths.iter().map(|lengths| lengths[k]).sum()));
    let mut left = slices.each_mut().map(Vec::as_mut_slice);
    let mut tasks = Vec::with_capacity(lengths.len());
    for lengths in lengths {
        let mut lengths = lengths.iter();
        tasks.push(left.each_mut().map(|left| {
            let length = *lengths.next().expect("as many lengths as slices");
            left.split_off_mut(..length)
                .expect("a slice is as long as its parts")
        }));
    }
    let work = |(task, parts): (usize, [&mut Unwritten; N])| {
        let expected = parts
            .each_ref()
            .map(|part| (part.as_ptr().cast(), part.len()));
        let written = fill(task, parts);
        let found = written.each_ref().map(|part| (part.as_ptr(), part.len()));
        assert_eq!(found, expected, "a task returns the memory that it got");
    };
    match tasks.pop() {
        // Without a look at the other threads.
        Some(only) if tasks.is_empty() => work((0, only)),
        last => {
            tasks.extend(last);
            tasks.into_par_iter().enumerate().for_each(work);
        }
    }
    // SAFETY: the parts cover the slices, and each task returned the memory it received as
    // initialized.
    #[expect(unsafe_code, reason = "what was checked while it ran")]
    slices.map(|slice| unsafe { initialized(slice) })
}

/// Uninitialized memory for values.
pub(super) fn unwritten(length: usize) -> Vec<MaybeUninit<f32>> {
    let mut values = Vec::with_capacity(length);
    values.resize_with(length, MaybeUninit::uninit);
    values
}

/// # Safety
/// All values are initialized.
#[expect(unsafe_code, reason = "its callers know what was written")]
pub(super) unsafe fn initialized(values: Vec<MaybeUninit<f32>>) -> Vec<f32> {
    let mut values = std::mem::ManuallyDrop::new(values);
    let (start, length, capacity) = (values.as_mut_ptr(), values.len(), values.capacity());
    // SAFETY: the parts come from a vector that is not dropped; `MaybeUninit<f32>` has the size and
    // alignment of f32, and the caller guarantees that the values are initialized.
    unsafe { Vec::from_raw_parts(start.cast(), length, capacity) }
}

/// Writes zeros.
pub(super) fn zeroed(values: &mut Unwritten) -> &mut [f32] {
    values.fill(MaybeUninit::new(0.0));
    // SAFETY: every value was just written.
    #[expect(unsafe_code, reason = "the line above writes all of it")]
    unsafe {
        values.assume_init_mut()
    }
}

/// Writes a function of each value of `from`.
///
/// # Panics
/// If the slices differ in length.
#[inline(always)]
pub(super) fn mapped<'a>(
    out: &'a mut Unwritten,
    from: &[f32],
    function: impl Fn(f32) -> f32,
) -> &'a mut [f32] {
    assert_eq!(from.len(), out.len());
    for (out, from) in out.iter_mut().zip(from) {
        out.write(function(*from));
    }
    // SAFETY: every value was just written.
    #[expect(unsafe_code, reason = "the loop above writes all of it")]
    unsafe {
        out.assume_init_mut()
    }
}

/// Writes a function of each value of `from` and of the corresponding value of `beside`, which the
/// function may change.
///
/// # Panics
/// If the slices differ in length.
#[inline(always)]
pub(super) fn mapped_beside<'a>(
    out: &'a mut Unwritten,
    from: &[f32],
    beside: &mut [f32],
    function: impl Fn(f32, &mut f32) -> f32,
) -> &'a mut [f32] {
    assert_eq!([from.len(), beside.len()], [out.len(); 2]);
    for ((out, from), beside) in out.iter_mut().zip(from).zip(beside) {
        out.write(function(*from, beside));
    }
    // SAFETY: every value was just written.
    #[expect(unsafe_code, reason = "the loop above writes all of it")]
    unsafe {
        out.assume_init_mut()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_matrix_is_made_once() {
        for rows in [0, 1, 5, 12] {
            let [ones, twos] = by_rows(rows, 5, [1, 3], |range, [one, two]| {
                let (one, two) = (zeroed(one), zeroed(two));
                for (index, row) in range.enumerate() {
                    one[index] += row as f32;
                    two[index * 3 + 2] += 10.0 * row as f32;
                }
                [one, two]
            });
            let expected: Vec<f32> = (0..rows).map(|row| row as f32).collect();
            assert_eq!(ones, expected);
            let expected: Vec<f32> = (0..rows)
                .flat_map(|row| [0.0, 0.0, 10.0 * row as f32])
                .collect();
            assert_eq!(twos, expected);
        }
    }

    #[test]
    fn tasks_are_small_enough_and_share_the_rows_equally() {
        for rows in 0..5000 {
            for most in [128, 256, 512] {
                let size = per_task(rows, most);
                let tasks = rows.div_ceil(size);
                assert!(size <= most);
                if rows >= 256 {
                    assert!(tasks.is_multiple_of(8), "{rows}: {tasks} tasks");
                    let last = rows - (tasks - 1) * size;
                    assert!(size - last < tasks, "{rows}: {size}, at last {last}");
                }
            }
        }
    }

    #[test]
    fn values_are_made_of_one_or_of_two() {
        let (mut out, mut beside) = (unwritten(2), [1.0, 2.0]);
        let found = mapped_beside(&mut out, &[10.0, 20.0], &mut beside, |from, beside| {
            *beside += from;
            *beside * 2.0
        });
        assert_eq!(found, [22.0, 44.0]);
        assert_eq!(beside, [11.0, 22.0]);
        assert_eq!(mapped(&mut out, &beside, |from| from + 1.0), [12.0, 23.0]);
    }

    #[test]
    #[should_panic(expected = "a task returns the memory that it got")]
    fn memory_that_was_not_handed_out_is_refused() {
        by_rows(2, 1, [1], |_, [out]| [&mut zeroed(out)[..0]]);
    }
}
