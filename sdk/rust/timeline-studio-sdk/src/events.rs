//! Events: who listens on the guest's side, and what an event is matched with.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use serde::Serialize;

use crate::error::Result;
use crate::generated::{EmitEvent, Event, Events, SubscribeEvent, Unsubscribe};
use crate::host;

type Handler = Rc<RefCell<dyn FnMut(Event)>>;

struct Listener {
    id: u64,
    pattern: String,
    handler: Handler,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    all: Vec<Listener>,
}

thread_local! {
    static LISTENERS: RefCell<Listeners> = RefCell::default();
}

/// A handler that listens, for [`Events::off`]. To let it go does not end it.
#[derive(Clone, Debug)]
pub struct Subscription {
    id: u64,
    pattern: String,
}

impl Events {
    /// Listens to events of a name, or of a pattern: `*` stands for one part, `**` for any number of parts. A plugin's
    /// events are `pluginId/name`; names without `/` are the editor's. Permission: `events`.
    ///
    /// The handler runs while the host waits: it should be quick, and give to [`PluginAPI::spawn`](crate::PluginAPI::spawn)
    /// what it wants to ask the host.
    ///
    /// ```
    /// # use timeline_studio_sdk::prelude::*;
    /// # use timeline_studio_sdk::testing;
    /// # async fn demo(api: PluginAPI) -> Result<()> {
    /// api.events().on("timeline.*", move |event| {
    ///     api.spawn(async move { api.ui().notify(format!("{} happened", event.name)).await });
    /// }).await?;
    /// # Ok(())
    /// # }
    /// # testing::block_on(demo(api())).unwrap();
    /// ```
    pub async fn on(&self, name: impl Into<String>, handler: impl FnMut(Event) + 'static) -> Result<Subscription> {
        let pattern = name.into();
        host::call_null("events.on", &SubscribeEvent { name: pattern.clone() }).await?;
        Ok(hear(pattern, handler))
    }

    /// Ends a subscription; the host is told when it was the last one of its name.
    pub async fn off(&self, subscription: Subscription) -> Result<()> {
        end(&subscription)
    }

    /// Tells plugins and clients something. They see `pluginId/name`. Permission: `events`.
    pub async fn emit(&self, name: impl Into<String>, payload: impl Serialize) -> Result<()> {
        host::call_null("events.emit", &EmitEvent { name: name.into(), payload: serde_json::to_value(payload)? }).await
    }

    /// Listens to events of a name or pattern one by one, in order. For `main` and for spawned work: to wait for the
    /// next event pends until the host brings it. Permission: `events`.
    ///
    /// ```
    /// # use timeline_studio_sdk::prelude::*;
    /// # use timeline_studio_sdk::testing::{self, ScriptedHost};
    /// # let _host = ScriptedHost::new();
    /// # async fn demo(api: PluginAPI) -> Result<()> {
    /// let mut stops = api.events().listen("playback.stopped").await?;
    /// api.spawn(async move {
    ///     loop {
    ///         let event = stops.next().await;
    ///         log::info!("stopped at {}", event.payload);
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// # testing::block_on(demo(api())).unwrap();
    /// # testing::publish("playback.stopped", 7).unwrap();
    /// # assert_eq!(_host.console(), [(2, "stopped at 7".to_string())]);
    /// ```
    pub async fn listen(&self, name: impl Into<String>) -> Result<EventStream> {
        let queue: Rc<RefCell<Queue>> = Rc::default();
        let filled = Rc::clone(&queue);
        let subscription = self
            .on(name, move |event| {
                let mut queue = filled.borrow_mut();
                queue.events.push_back(event);
                if let Some(waker) = queue.waker.take() {
                    waker.wake();
                }
            })
            .await?;
        Ok(EventStream { queue, subscription })
    }
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    waker: Option<Waker>,
}

/// Events as they come; none is lost between one [`next`](Self::next) and the other. It ends its subscription when it is
/// dropped.
pub struct EventStream {
    queue: Rc<RefCell<Queue>>,
    subscription: Subscription,
}

impl EventStream {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Event {
        poll_fn(|context| {
            let mut queue = self.queue.borrow_mut();
            queue.waker = Some(context.waker().clone());
            queue.events.pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        // the host forgets subscriptions of its own accord when the plugin goes: nothing is lost where this fails
        let _ = end(&self.subscription);
    }
}

/// Ends a subscription; the host is told when it was the last one of its name.
fn end(subscription: &Subscription) -> Result<()> {
    let others = LISTENERS.with_borrow_mut(|listeners| {
        listeners.all.retain(|one| one.id != subscription.id);
        listeners.all.iter().any(|one| one.pattern == subscription.pattern)
    });
    if others {
        return Ok(());
    }
    host::call_null_now("events.off", &Unsubscribe { name: subscription.pattern.clone() })
}

/// Listens without asking the host, for what it tells in any case.
pub(crate) fn hear(pattern: impl Into<String>, handler: impl FnMut(Event) + 'static) -> Subscription {
    LISTENERS.with_borrow_mut(|listeners| {
        let subscription = Subscription { id: listeners.next, pattern: pattern.into() };
        listeners.next += 1;
        let handler: Handler = Rc::new(RefCell::new(handler));
        listeners.all.push(Listener { id: subscription.id, pattern: subscription.pattern.clone(), handler });
        subscription
    })
}

/// Hands an event to those who listen to it.
pub(crate) fn tell(event: &Event) {
    let handlers: Vec<Handler> = LISTENERS.with_borrow(|listeners| {
        let heard = listeners.all.iter().filter(|one| matches(&one.pattern, &event.name));
        heard.map(|one| Rc::clone(&one.handler)).collect()
    });
    for handler in handlers {
        (handler.borrow_mut())(event.clone());
    }
}

/// Whether a pattern covers a name, as the host matches them.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.rsplit_once('/'), name.rsplit_once('/')) {
        (None, None) => covers(&parts(pattern, '.'), &parts(name, '.')),
        (Some((ids, rest)), Some((id, last))) => {
            covers(&parts(ids, '/'), &parts(id, '/')) && covers(&parts(rest, '.'), &parts(last, '.'))
        }
        _ => false,
    }
}

fn parts(text: &str, separator: char) -> Vec<&str> {
    text.split(separator).collect()
}

/// Matches from left to right; where that fails, goes back to the last `**` and lets it take one part more.
fn covers(pattern: &[&str], parts: &[&str]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < parts.len() {
        match pattern.get(at) {
            Some(&"**") => {
                star = Some((at, place));
                at += 1;
            }
            Some(&one) if one == "*" || one == parts[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    (at, place) = (from + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|part| *part == "**")
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_cover_names_as_at_the_host() {
        for (pattern, name, covered) in [
            ("timeline.*", "timeline.selected", true),
            ("timeline.*", "timeline.clip.selected", false),
            ("timeline.**", "timeline.clip.selected", true),
            ("**.selected", "timeline.clip.selected", true),
            ("**", "timeline.clip", true),
            ("**", "other/done", false),
            ("other/done", "other/done", true),
            ("*/done", "@acme/other/done", false),
            ("**/done", "@acme/other/done", true),
            ("@acme/*/**", "@acme/other/a.b", true),
            ("timeline", "timeline.clip", false),
        ] {
            assert_eq!(matches(pattern, name), covered, "{pattern} {name}");
        }
    }
}
