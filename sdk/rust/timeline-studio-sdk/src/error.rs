//! One error type for everything that a plugin does, made for `?`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What plugins return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something that failed: at the host, or in the plugin.
///
/// Every [`std::error::Error`] becomes one by `?`, and so does what the host answers. A command that returns one makes
/// `plugins.call` fail with `PluginError`, which carries this error's code, message and data in `data.error`.
///
/// ```
/// use timeline_studio_sdk::prelude::*;
///
/// fn parse(text: &str) -> Result<u32> {
///     let number: u32 = text.trim().parse()?;
///     if number == 0 {
///         bail!("there is no clip {number}");
///     }
///     Ok(number)
/// }
/// assert_eq!(parse(" 7 ").unwrap(), 7);
/// assert_eq!(parse("x").unwrap_err().message(), "invalid digit found in string");
/// assert_eq!(parse("0").unwrap_err().message(), "there is no clip 0");
/// ```
///
/// As with `anyhow`, it is not a `std::error::Error` itself: otherwise `?` could not take all of these.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Error {
    code: i32,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

impl Error {
    /// The code of errors that name none of their own.
    pub const PLUGIN: i32 = 1;

    /// An error in words.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::new(Self::PLUGIN, message)
    }

    /// An error with a code, for those who tell errors apart. Positive codes are the plugin's own; the host's are in
    /// [`codes`](crate::codes).
    pub fn new(code: i32, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), data: None }
    }

    /// Adds what programs may want to know besides.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }

    /// Says what was being done, in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Its code.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// What happened, in words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What came with it.
    pub fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    /// The name of the host's error, such as `PermissionDenied`; none for the plugin's own.
    pub fn kind(&self) -> Option<&str> {
        self.data.as_ref()?.get("kind")?.as_str()
    }

    /// Whether the user has not granted what the call needs.
    pub fn is_permission_denied(&self) -> bool {
        self.code == crate::codes::PERMISSION_DENIED
    }

    pub(crate) fn no_such_function() -> Self {
        Self::new(crate::codes::METHOD_NOT_FOUND, "method not found")
    }

    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self::new(crate::codes::INVALID_PARAMS, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)?;
        self.data.as_ref().map_or(Ok(()), |data| write!(f, " {data}"))
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self::msg(message)
    }
}

/// Returns an [`Error`] in words, as `format!` makes them.
#[macro_export]
macro_rules! bail {
    ($($words:tt)*) => {
        return ::std::result::Result::Err($crate::Error::msg(::std::format!($($words)*)))
    };
}

/// Returns an [`Error`] in words unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            $crate::bail!($($words)*);
        }
    };
}
