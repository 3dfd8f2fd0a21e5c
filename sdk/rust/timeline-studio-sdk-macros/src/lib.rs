//! The attributes of `timeline-studio-sdk`; use them from there.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{parse_macro_input, FnArg, ItemFn, LitStr, Type};

/// Names that the host calls of its own accord.
const RESERVED: [&str; 2] = ["main", "event"];
const SAVE_STATE: &str = "lifecycle.saveState";
const RESTORE_STATE: &str = "lifecycle.restoreState";

/// Makes a function the plugin's `main`: it runs each time the plugin becomes active, after `lifecycle.activate`.
///
/// `async` or not; it takes a `PluginAPI` or nothing, and returns `Result<()>`. It may pend: it then goes on when the
/// host calls the plugin again, such as with an event it waits for.
#[proc_macro_attribute]
pub fn plugin_main(arguments: TokenStream, function: TokenStream) -> TokenStream {
    hook(arguments, function, "Main")
}

/// Makes a function the plugin's `lifecycle.load`: it runs when the plugin is loaded, and after a trap again.
#[proc_macro_attribute]
pub fn on_load(arguments: TokenStream, function: TokenStream) -> TokenStream {
    hook(arguments, function, "Load")
}

/// Makes a function the plugin's `lifecycle.activate`: it runs before `main`.
#[proc_macro_attribute]
pub fn on_activate(arguments: TokenStream, function: TokenStream) -> TokenStream {
    hook(arguments, function, "Activate")
}

/// Makes a function the plugin's `lifecycle.deactivate`: it runs when the plugin stops being active.
#[proc_macro_attribute]
pub fn on_deactivate(arguments: TokenStream, function: TokenStream) -> TokenStream {
    hook(arguments, function, "Deactivate")
}

/// Makes a function the plugin's `lifecycle.unload`: it runs before the plugin is unloaded.
#[proc_macro_attribute]
pub fn on_unload(arguments: TokenStream, function: TokenStream) -> TokenStream {
    hook(arguments, function, "Unload")
}

/// Makes a function the plugin's `lifecycle.saveState`: what it returns is given to the next instance of the plugin.
///
/// It runs before a reload, an update, and each change while the plugin is developed. `async` or not; it takes a `PluginAPI`
/// or nothing, and returns a `Result` of any type that serde can write.
#[proc_macro_attribute]
pub fn save_state(arguments: TokenStream, function: TokenStream) -> TokenStream {
    state(arguments, function, SAVE_STATE)
}

/// Makes a function the plugin's `lifecycle.restoreState`: it gets what the instance before this one has saved.
///
/// It runs after `lifecycle.load` and before `lifecycle.activate`. `async` or not; it takes what was saved, of any type that
/// serde can read, with a `PluginAPI` before it or without, and returns `Result<()>`. Where it fails, or what was saved does not
/// fit, the plugin goes on without, and its console says so.
#[proc_macro_attribute]
pub fn restore_state(arguments: TokenStream, function: TokenStream) -> TokenStream {
    state(arguments, function, RESTORE_STATE)
}

/// Makes a function callable by `plugins.call`, under its own name or another: `#[command(name = "clips.count")]`.
///
/// `async` or not. It takes a `PluginAPI`, or arguments, or both in this order, or nothing. The arguments are one value of
/// any type that serde can read; what it returns is a `Result` of any type that serde can write.
#[proc_macro_attribute]
pub fn command(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let mut name: Option<LitStr> = None;
    let parser = syn::meta::parser(|meta| {
        if !meta.path.is_ident("name") {
            return Err(meta.error("the only option is name = \"…\""));
        }
        name = Some(meta.value()?.parse()?);
        Ok(())
    });
    parse_macro_input!(arguments with parser);
    let function = parse_macro_input!(function as ItemFn);
    expand_command(function, name).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn state(arguments: TokenStream, function: TokenStream, name: &str) -> TokenStream {
    let none = Tokens::from(arguments);
    let function = parse_macro_input!(function as ItemFn);
    expand_state(function, &none, name).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn hook(arguments: TokenStream, function: TokenStream, kind: &str) -> TokenStream {
    let none = Tokens::from(arguments);
    let function = parse_macro_input!(function as ItemFn);
    expand_hook(function, &none, kind).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand_hook(function: ItemFn, arguments: &Tokens, kind: &str) -> syn::Result<Tokens> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(arguments, "this attribute takes no arguments"));
    }
    let signature = Signature::of(&function)?;
    if let Some(argument) = signature.argument {
        return Err(syn::Error::new_spanned(argument, "it can take a PluginAPI, and nothing else"));
    }
    let kind = quote::format_ident!("{kind}");
    let call = call(&function, &signature, &Tokens::new());
    let function = with_println(function);
    Ok(quote! {
        #function
        const _: () = {
            fn run(api: ::timeline_studio_sdk::PluginAPI) -> ::timeline_studio_sdk::__private::BoxFuture<()> {
                let _ = api;
                ::std::boxed::Box::pin(async move { ::timeline_studio_sdk::__private::done(#call) })
            }
            ::timeline_studio_sdk::__register!(::timeline_studio_sdk::__private::Kind::Hook(
                ::timeline_studio_sdk::__private::Hook::#kind,
                run
            ));
        };
    })
}

fn expand_state(function: ItemFn, arguments: &Tokens, name: &str) -> syn::Result<Tokens> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(arguments, "this attribute takes no arguments"));
    }
    let signature = Signature::of(&function)?;
    let wanted = match (name, &signature.argument) {
        (SAVE_STATE, Some(argument)) => Some((quote! { #argument }, "it can take a PluginAPI, and nothing else")),
        (RESTORE_STATE, None) => Some((quote! { #function }, "it has to take what was saved")),
        _ => None,
    };
    if let Some((place, words)) = wanted {
        return Err(syn::Error::new_spanned(place, words));
    }
    expand_call(function, &signature, &LitStr::new(name, proc_macro2::Span::call_site()))
}

fn expand_command(function: ItemFn, name: Option<LitStr>) -> syn::Result<Tokens> {
    let signature = Signature::of(&function)?;
    let name = name.unwrap_or_else(|| LitStr::new(&function.sig.ident.to_string(), function.sig.ident.span()));
    if RESERVED.contains(&name.value().as_str()) || name.value().starts_with("lifecycle.") {
        return Err(syn::Error::new(name.span(), "this name is reserved: the host calls it of its own accord"));
    }
    expand_call(function, &signature, &name)
}

/// Registers a function that takes JSON and answers JSON.
fn expand_call(function: ItemFn, signature: &Signature, name: &LitStr) -> syn::Result<Tokens> {
    let (read, given) = match &signature.argument {
        Some(kind) => {
            (quote! { let given = ::timeline_studio_sdk::__private::arguments::<#kind>(&params); }, quote! { given? })
        }
        None => (quote! { let _ = params; }, Tokens::new()),
    };
    let call = call(&function, signature, &given);
    let function = with_println(function);
    Ok(quote! {
        #function
        const _: () = {
            fn run(
                api: ::timeline_studio_sdk::PluginAPI,
                params: ::std::vec::Vec<u8>,
            ) -> ::timeline_studio_sdk::__private::BoxFuture<::std::vec::Vec<u8>> {
                let _ = api;
                #read
                ::std::boxed::Box::pin(async move { ::timeline_studio_sdk::__private::answer(#call) })
            }
            ::timeline_studio_sdk::__register!(::timeline_studio_sdk::__private::Kind::Command(#name, run));
        };
    })
}

/// What a function takes.
struct Signature {
    api: bool,
    argument: Option<Type>,
}

impl Signature {
    fn of(function: &ItemFn) -> syn::Result<Self> {
        if !function.sig.generics.params.is_empty() {
            return Err(syn::Error::new_spanned(&function.sig.generics, "it cannot be generic"));
        }
        let mut kinds = Vec::new();
        for input in &function.sig.inputs {
            match input {
                FnArg::Typed(one) => kinds.push((*one.ty).clone()),
                FnArg::Receiver(one) => return Err(syn::Error::new_spanned(one, "it cannot be a method")),
            }
        }
        let api = kinds.first().is_some_and(is_api);
        let mut rest = kinds.into_iter().skip(usize::from(api));
        let argument = rest.next();
        if let Some(further) = rest.next() {
            let message = "the arguments are one value: put several into a struct that serde can read, or a tuple";
            return Err(syn::Error::new_spanned(further, message));
        }
        Ok(Self { api, argument })
    }
}

fn is_api(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "PluginAPI")
}

/// A call of the function, awaited where it is async.
fn call(function: &ItemFn, signature: &Signature, given: &Tokens) -> Tokens {
    let name = &function.sig.ident;
    let api = signature.api.then(|| quote! { api, });
    let wait = function.sig.asyncness.is_some().then(|| quote! { .await });
    quote! { #name(#api #given)#wait }
}

/// Lets `println!` and `eprintln!` in the function be the SDK's, which write to the console.
fn with_println(mut function: ItemFn) -> ItemFn {
    let import: syn::Stmt = syn::parse_quote! {
        #[allow(unused_imports)]
        use ::timeline_studio_sdk::{eprintln, println};
    };
    function.block.stmts.insert(0, import);
    function
}
