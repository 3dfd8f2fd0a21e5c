//! What a plugin is given: the host, by namespaces.

use std::future::Future;

use crate::error::{Error, Result};
use crate::{executor, generated};

/// The host, as a plugin sees it. It can be copied, and had anywhere by [`api`].
///
/// Each call needs the permission that its documentation names: requested in the manifest, granted by the user. Without
/// it, it fails with an error for which [`Error::is_permission_denied`] holds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PluginAPI;

/// The host, for code that was not handed a [`PluginAPI`].
pub fn api() -> PluginAPI {
    PluginAPI
}

impl PluginAPI {
    /// The timeline: read it, and change its clips. What one call of a plugin changes is one step of the undo history,
    /// and is taken back if the call fails.
    pub fn timeline(&self) -> generated::Timeline {
        generated::Timeline
    }

    /// Effects: offer them, and put them on clips.
    pub fn effects(&self) -> generated::Effects {
        generated::Effects
    }

    /// Panels, dialogs, menus, notifications.
    pub fn ui(&self) -> generated::Ui {
        generated::Ui
    }

    /// Files: of the package, of the project, picked ones, and the plugin's own.
    pub fn file(&self) -> generated::File {
        generated::File
    }

    /// Values that outlive the plugin.
    pub fn storage(&self) -> generated::Storage {
        generated::Storage
    }

    /// Media files.
    pub fn media(&self) -> generated::Media {
        generated::Media
    }

    /// What happens in the editor and at other plugins.
    pub fn events(&self) -> generated::Events {
        generated::Events
    }

    /// HTTP requests, which the daemon makes.
    pub fn network(&self) -> generated::Network {
        generated::Network
    }

    /// The machine and the host.
    pub fn system(&self) -> generated::System {
        generated::System
    }

    /// Functions that `plugins.call` can call, registered while the plugin runs.
    pub fn commands(&self) -> crate::commands::Commands {
        crate::commands::Commands
    }

    /// Starts work that nobody waits for, such as what an event's handler wants to ask the host.
    ///
    /// It runs when the code that runs now lets go, at the latest at the end of the host's call. Where it waits for an
    /// event, it goes on in the call that brings the event. An error is logged.
    pub fn spawn(&self, work: impl Future<Output = Result<()>> + 'static) {
        executor::spawn(async move {
            if let Err(error) = work.await {
                log::error!("spawned work failed: {error}");
            }
        });
    }
}

impl generated::Storage {
    /// A stored value as a type of one's own; none where nothing is stored. Permission: `storage`.
    ///
    /// # Errors
    ///
    /// The host's, or that what is stored does not fit the type.
    pub async fn get_as<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let stored = self.get(key).await?;
        if !stored.exists {
            return Ok(None);
        }
        serde_json::from_value(stored.value)
            .map(Some)
            .map_err(|error| Error::from(error).context(format_args!("the stored value of {key:?}")))
    }
}

impl generated::File {
    /// The whole of a file that is UTF-8 text. Permission: `file.read`.
    pub async fn read_text(&self, path: impl Into<String>) -> Result<String> {
        Ok(self.read(generated::ReadFile::new(path)).await?.data)
    }

    /// Writes a text; the file is replaced as a whole, and missing folders are made. Permission: `file.write`.
    pub async fn write_text(&self, path: impl Into<String>, text: impl Into<String>) -> Result<()> {
        let params = generated::WriteFile { create_parents: true, ..generated::WriteFile::new(path, text) };
        self.write(params).await.map(|_| ())
    }
}

impl generated::Ui {
    /// Tells the user something, without waiting. Permission: `ui.create`.
    pub async fn notify(&self, message: impl Into<String>) -> Result<()> {
        self.show_notification(generated::ShowNotification::new(message)).await
    }

    /// Asks a question with buttons; the answer is the label that was pressed, none where the dialog was dismissed.
    /// Permission: `ui.dialog`.
    pub async fn ask(&self, title: impl Into<String>, buttons: &[&str]) -> Result<Option<String>> {
        let params = generated::ShowDialog {
            kind: Some(generated::ShowDialogKind::Question),
            buttons: buttons.iter().map(ToString::to_string).collect(),
            ..generated::ShowDialog::new(title)
        };
        Ok(self.show_dialog(params).await?.button)
    }

    /// Adds a menu item and says what choosing it does. Permission: `ui.create`.
    pub async fn on_menu_item(&self, item: generated::AddMenuItem, mut chosen: impl FnMut() + 'static) -> Result<()> {
        let id = item.id.clone();
        self.add_menu_item(item).await?;
        crate::events::hear("ui.menu", move |event| {
            if event.payload.get("id").and_then(serde_json::Value::as_str) == Some(&id) {
                chosen();
            }
        });
        Ok(())
    }
}
