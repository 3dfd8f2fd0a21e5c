//! What the attributes of a plugin's functions leave behind: commands and hooks, found before anything runs.
//!
//! Each attribute makes a static constructor, which the linker collects; on WebAssembly the exported `_initialize` runs
//! them. They only link nodes into a list: no allocation, no other code.

use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::api::PluginAPI;
use crate::error::{Error, Result};

/// A future of a plugin's function.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// A reserved function that the host calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hook {
    /// `lifecycle.load`
    Load,
    /// `lifecycle.activate`
    Activate,
    /// `main`
    Main,
    /// `lifecycle.deactivate`
    Deactivate,
    /// `lifecycle.unload`
    Unload,
}

/// Takes JSON and answers JSON.
pub type Run = fn(PluginAPI, Vec<u8>) -> BoxFuture<Vec<u8>>;

/// What a node stands for.
pub enum Kind {
    /// A function for `plugins.call`, by its name.
    Command(&'static str, Run),
    /// A reserved function.
    Hook(Hook, fn(PluginAPI) -> BoxFuture<()>),
}

/// One node of the list.
pub struct Registration {
    kind: Kind,
    next: AtomicPtr<Registration>,
}

static HEAD: AtomicPtr<Registration> = AtomicPtr::new(ptr::null_mut());

impl Registration {
    /// A node that is in no list yet.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Puts it into the list. Called once, by its static constructor.
    pub fn add(&'static self) {
        let mut head = HEAD.load(Ordering::Acquire);
        loop {
            self.next.store(head, Ordering::Relaxed);
            let this = ptr::from_ref(self).cast_mut();
            match HEAD.compare_exchange_weak(head, this, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
    }
}

fn all() -> impl Iterator<Item = &'static Registration> {
    let mut at = HEAD.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: the list holds only nodes that `add` was given as `&'static`, and null.
        let node: &'static Registration = unsafe { at.as_ref() }?;
        at = node.next.load(Ordering::Acquire);
        Some(node)
    })
}

pub(crate) fn command(wanted: &str) -> Option<Run> {
    all().find_map(|node| match node.kind {
        Kind::Command(name, run) if name == wanted => Some(run),
        _ => None,
    })
}

pub(crate) fn hook(wanted: Hook) -> Option<fn(PluginAPI) -> BoxFuture<()>> {
    all().find_map(|node| match node.kind {
        Kind::Hook(hook, run) if hook == wanted => Some(run),
        _ => None,
    })
}

/// Makes sure that each name and each hook stands once.
///
/// # Panics
///
/// One stands twice.
pub(crate) fn check() {
    let mut seen: Vec<String> = Vec::new();
    for node in all() {
        let name = match node.kind {
            Kind::Command(name, _) => format!("command `{name}`"),
            Kind::Hook(hook, _) => format!("hook `{hook:?}`"),
        };
        assert!(!seen.contains(&name), "the {name} stands twice in this plugin");
        seen.push(name);
    }
}

/// The end of a hook.
///
/// # Errors
///
/// The hook's own.
pub fn done<E: Into<Error>>(ended: Result<(), E>) -> Result<()> {
    ended.map_err(Into::into)
}

/// Makes a node and the static constructor that adds it.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($kind:expr) => {
        const _: () = {
            static NODE: $crate::__private::Registration = $crate::__private::Registration::new($kind);
            extern "C" fn add() {
                NODE.add();
            }
            #[used]
            #[cfg_attr(
                any(target_family = "wasm", target_os = "linux", target_os = "android", target_os = "freebsd"),
                unsafe(link_section = ".init_array")
            )]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs"))]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            static ADD: extern "C" fn() = add;
        };
    };
}
