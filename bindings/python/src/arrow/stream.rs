//! Arrow's C stream interface, which carries the batches of a table from one library of a process to another.
//!
//! The layout is that of <https://arrow.apache.org/docs/format/CStreamInterface.html>.

#![expect(
    unsafe_code,
    reason = "pointers of a stable binary interface, for which their producers vouch"
)]

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use arrow_data::ArrayData;
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::Schema;
use arrow_schema::ffi::FFI_ArrowSchema;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const STREAM: &CStr = c"arrow_array_stream";
const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";
/// The number of an error of the system for an argument that is none.
const INVALID: c_int = 22;

/// `struct ArrowArrayStream`.
#[repr(C)]
struct ArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut Self, *mut FFI_ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Self, *mut FFI_ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Self) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Self)>,
    private_data: *mut c_void,
}

// SAFETY: a stream may be read by any thread, one at a time, and a shared reference does not read it.
unsafe impl Send for ArrayStream {}
unsafe impl Sync for ArrayStream {}

impl Drop for ArrayStream {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: a stream that is not released yet is valid.
            unsafe { release(self) }
        }
    }
}

impl ArrayStream {
    const fn released() -> Self {
        Self {
            get_schema: None,
            get_next: None,
            get_last_error: None,
            release: None,
            private_data: ptr::null_mut(),
        }
    }

    /// What the stream says about the call that failed.
    fn last_error(&mut self, code: c_int) -> String {
        let said = self.get_last_error.map(|get| {
            // SAFETY: the stream is valid, and the text too until the next call.
            let text = unsafe { get(self) };
            (!text.is_null()).then(|| {
                unsafe { CStr::from_ptr(text) }
                    .to_string_lossy()
                    .into_owned()
            })
        });
        said.flatten()
            .unwrap_or_else(|| format!("the table's stream failed with error {code}"))
    }
}

/// The batches of a table, each an array of structs.
pub(super) struct Batches {
    pub(super) schema: Schema,
    source: Source,
}

enum Source {
    Stream(ArrayStream),
    One(Option<FFI_ArrowArray>),
}

/// Whether an object hands out a table.
pub(super) fn is_table(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.hasattr("__arrow_c_stream__")? || object.hasattr("__arrow_c_array__")?)
}

impl Batches {
    /// The batches of an object that [`is_table`]; the error is in words.
    pub(super) fn of(object: &Bound<'_, PyAny>) -> PyResult<Result<Self, String>> {
        if object.hasattr("__arrow_c_stream__")? {
            let capsule = object.call_method0("__arrow_c_stream__")?;
            let capsule = capsule.cast::<PyCapsule>()?;
            let pointer = capsule.pointer_checked(Some(STREAM))?.cast();
            // SAFETY: the name says what lies there, and what is taken out is left released.
            let stream = unsafe { ptr::replace(pointer.as_ptr(), ArrayStream::released()) };
            // The producer may need the interpreter lock on another thread.
            return Ok(object.py().detach(|| Self::of_stream(stream)));
        }
        let pair = object.call_method0("__arrow_c_array__")?;
        let pair = pair.cast::<PyTuple>()?;
        let (schema, array) = (pair.get_item(0)?, pair.get_item(1)?);
        let schema = schema
            .cast::<PyCapsule>()?
            .pointer_checked(Some(SCHEMA))?
            .cast();
        let array = array
            .cast::<PyCapsule>()?
            .pointer_checked(Some(ARRAY))?
            .cast();
        // SAFETY: the names say what lies there, and what is taken out is left released.
        let (schema, array) = unsafe {
            (
                FFI_ArrowSchema::from_raw(schema.as_ptr()),
                FFI_ArrowArray::from_raw(array.as_ptr()),
            )
        };
        Ok(Schema::try_from(&schema)
            .map_err(|error| error.to_string())
            .map(|schema| Self {
                schema,
                source: Source::One(Some(array)),
            }))
    }

    fn of_stream(mut stream: ArrayStream) -> Result<Self, String> {
        let get = stream
            .get_schema
            .ok_or("found a table whose stream has been read already")?;
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a stream that is not released has this function.
        let code = unsafe { get(&raw mut stream, &raw mut schema) };
        if code != 0 {
            return Err(stream.last_error(code));
        }
        let schema = Schema::try_from(&schema).map_err(|error| error.to_string())?;
        Ok(Self {
            schema,
            source: Source::Stream(stream),
        })
    }

    /// The next batch; nothing behind the last.
    pub(super) fn next(&mut self) -> Result<Option<FFI_ArrowArray>, String> {
        let stream = match &mut self.source {
            Source::One(batch) => return Ok(batch.take()),
            Source::Stream(stream) => stream,
        };
        let Some(get) = stream.get_next else {
            return Ok(None);
        };
        let mut batch = FFI_ArrowArray::empty();
        // SAFETY: a stream that is not released has this function.
        let code = unsafe { get(stream, &raw mut batch) };
        match code {
            0 => Ok((!batch.is_released()).then_some(batch)),
            _ => Err(stream.last_error(code)),
        }
    }
}

/// What a stream of ours holds.
struct Given {
    schema: Arc<Schema>,
    batches: VecDeque<ArrayData>,
}

/// A capsule with a stream of batches, for any library that reads Arrow.
pub(super) fn capsule(
    py: Python<'_>,
    schema: Arc<Schema>,
    batches: VecDeque<ArrayData>,
) -> PyResult<Bound<'_, PyCapsule>> {
    let stream = ArrayStream {
        get_schema: Some(give_schema),
        get_next: Some(give_next),
        get_last_error: Some(give_no_error),
        release: Some(release),
        private_data: Box::into_raw(Box::new(Given { schema, batches })).cast(),
    };
    PyCapsule::new_with_value(py, stream, STREAM)
}

// SAFETY, of all four: the consumer gives a stream that `capsule` made and that is not released, and a place to write to.
unsafe extern "C" fn give_schema(stream: *mut ArrayStream, out: *mut FFI_ArrowSchema) -> c_int {
    let given = unsafe { &*(*stream).private_data.cast::<Given>() };
    match FFI_ArrowSchema::try_from(given.schema.as_ref()) {
        Ok(schema) => {
            unsafe { ptr::write(out, schema) };
            0
        }
        Err(_) => INVALID,
    }
}

unsafe extern "C" fn give_next(stream: *mut ArrayStream, out: *mut FFI_ArrowArray) -> c_int {
    let given = unsafe { &mut *(*stream).private_data.cast::<Given>() };
    let batch = given.batches.pop_front();
    let batch = batch.map_or_else(FFI_ArrowArray::empty, |batch| FFI_ArrowArray::new(&batch));
    unsafe { ptr::write(out, batch) };
    0
}

unsafe extern "C" fn give_no_error(_: *mut ArrayStream) -> *const c_char {
    c"the columns of scores have no schema".as_ptr()
}

unsafe extern "C" fn release(stream: *mut ArrayStream) {
    let stream = unsafe { &mut *stream };
    drop(unsafe { Box::from_raw(stream.private_data.cast::<Given>()) });
    stream.private_data = ptr::null_mut();
    stream.release = None;
}
