//! The console: `log`, `println!`, and what a panic says before it ends the instance.

use std::panic::PanicHookInfo;

const INFO: i32 = 2;
const ERROR: i32 = 4;

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = match record.level() {
            log::Level::Error => ERROR,
            log::Level::Warn => 3,
            log::Level::Info => INFO,
            log::Level::Debug => 1,
            log::Level::Trace => 0,
        };
        crate::host::log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Makes `log` and panics go to the console. Done before anything of the plugin runs.
pub(crate) fn install() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
    if cfg!(target_family = "wasm") {
        std::panic::set_hook(Box::new(|info| crate::host::log(ERROR, &last_words(info))));
    }
}

/// What is said of a panic, on one line: `panicked at src/lib.rs:12:5: …`.
fn last_words(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    match info.location() {
        Some(place) => format!("panicked at {place}: {message}"),
        None => format!("panicked: {message}"),
    }
}

#[doc(hidden)]
pub fn print(text: &str) {
    crate::host::log(INFO, text);
}

#[doc(hidden)]
pub fn eprint(text: &str) {
    crate::host::log(ERROR, text);
}

/// Writes a line to the plugin's console, as information.
///
/// The standard library's `println!` compiles for `wasm32-unknown-unknown` and does nothing there. Inside functions that
/// carry one of the SDK's attributes, `println!` is this one. Elsewhere, say so once per module:
///
/// ```
/// use timeline_studio_sdk::{eprintln, println};
///
/// fn helper() {
///     println!("seen in `pluginctl logs`");
/// }
/// # helper();
/// ```
///
/// A glob import cannot take the standard one's place, so that the prelude does not have it.
#[macro_export]
macro_rules! println {
    ($($words:tt)*) => { $crate::__private::print(&::std::format!($($words)*)) };
}

/// Writes a line to the plugin's console, as an error; see [`println!`](crate::println).
#[macro_export]
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::__private::eprint(&::std::format!($($words)*)) };
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_panic_is_told_with_its_place() {
        let heard = Arc::new(Mutex::new(String::new()));
        let (kept, mine) = (Arc::clone(&heard), std::thread::current().id());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == mine {
                *kept.lock().unwrap() = super::last_words(info);
            } else {
                before(info);
            }
        }));
        let line = line!() + 1;
        let caught = std::panic::catch_unwind(|| panic!("no {}", "room"));
        drop(std::panic::take_hook());
        assert!(caught.is_err());
        assert_eq!(*heard.lock().unwrap(), format!("panicked at {}:{line}:50: no room", file!()));
    }
}
