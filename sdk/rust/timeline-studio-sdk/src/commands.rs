//! Functions of a plugin that `plugins.call` can call.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::registry::BoxFuture;

type Handler = Rc<dyn Fn(Vec<u8>) -> BoxFuture<Vec<u8>>>;

thread_local! {
    static HANDLERS: RefCell<HashMap<String, Handler>> = RefCell::default();
}

/// Registers functions while the plugin runs; mostly, [`command`](crate::command) on a function is simpler.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Commands;

impl Commands {
    /// Makes a function callable by `plugins.call`; again with the same name to replace it.
    ///
    /// What is registered in `main` is there while the plugin is active, in contrast to what carries
    /// [`command`](crate::command).
    ///
    /// ```
    /// # use timeline_studio_sdk::prelude::*;
    /// # use timeline_studio_sdk::testing;
    /// api().commands().register("double", |number: i64| async move { Ok(2 * number) });
    /// assert_eq!(testing::call("double", 21).unwrap(), 42);
    /// ```
    pub fn register<A, R, F>(&self, name: impl Into<String>, run: impl Fn(A) -> F + 'static)
    where
        A: DeserializeOwned + 'static,
        R: Serialize,
        F: Future<Output = Result<R>> + 'static,
    {
        let handler: Handler = Rc::new(move |params| match arguments(&params) {
            Ok(given) => {
                let running = run(given);
                Box::pin(async move { answer(running.await) })
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        });
        HANDLERS.with_borrow_mut(|handlers| handlers.insert(name.into(), handler));
    }
}

pub(crate) fn find(name: &str) -> Option<Handler> {
    HANDLERS.with_borrow(|handlers| handlers.get(name).cloned())
}

/// Reads the arguments of a command. None at all also stand for an object without fields.
///
/// # Errors
///
/// They do not fit: InvalidParams, with the place.
pub fn arguments<T: DeserializeOwned>(params: &[u8]) -> Result<T> {
    let read = serde_json::from_slice(params);
    let read = if params == b"null" { read.or_else(|_| serde_json::from_slice(b"{}")) } else { read };
    read.map_err(|error| Error::invalid(format_args!("the arguments do not fit: {error}")))
}

/// Writes the answer of a command.
///
/// # Errors
///
/// The command's own, or that its answer is no JSON.
pub fn answer<T: Serialize, E: Into<Error>>(answered: Result<T, E>) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&answered.map_err(Into::into)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Times {
        #[serde(default)]
        times: u32,
    }

    #[test]
    fn arguments_may_be_left_out_where_all_have_defaults() {
        assert_eq!(arguments::<Times>(b"null"), Ok(Times { times: 0 }));
        assert_eq!(arguments::<()>(b"null"), Ok(()));
        assert_eq!(arguments::<Option<u32>>(b"null"), Ok(None));
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused_with_the_place() {
        let error = arguments::<Times>(br#"{"times": -1}"#).unwrap_err();
        assert_eq!(error.code(), crate::codes::INVALID_PARAMS);
        assert!(error.message().contains("line 1 column 12"), "{error}");
    }
}
