//! Grafana's dashboard model, as far as it is used here.

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dashboard {
    // Stands first: a reader and `is_ours` look for it at the beginning.
    pub(super) description: String,
    pub(super) title: &'static str,
    pub(super) uid: &'static str,
    pub(super) tags: [&'static str; 2],
    pub(super) schema_version: u32,
    pub(super) version: u32,
    pub(super) editable: bool,
    /// 1: a crosshair over all panels.
    pub(super) graph_tooltip: u32,
    pub(super) refresh: &'static str,
    pub(super) timezone: &'static str,
    pub(super) time: Range,
    pub(super) annotations: Annotations,
    pub(super) templating: Templating,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Serialize)]
pub(super) struct Range {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Annotations {
    pub(super) list: [(); 0],
}

#[derive(Debug, Serialize)]
pub(super) struct Templating {
    pub(super) list: Vec<Variable>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) r#type: &'static str,
    pub(super) query: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datasource: Option<Datasource>,
    pub(super) refresh: u32,
    pub(super) sort: u32,
    pub(super) multi: bool,
    pub(super) include_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) all_value: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Datasource {
    r#type: &'static str,
    uid: &'static str,
}

impl Datasource {
    /// What the variable `datasource` chose.
    pub(super) const CHOSEN: Datasource = Datasource {
        r#type: "prometheus",
        uid: "${datasource}",
    };
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    pub(super) id: u32,
    pub(super) r#type: &'static str,
    pub(super) title: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'static str,
    pub(super) grid_pos: GridPos,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datasource: Option<Datasource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) targets: Vec<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field_config: Option<FieldConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<serde_json::Value>,
    /// Of a row: whether it is folded, and what it would then hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) collapsed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) panels: Option<[(); 0]>,
}

/// The grid is 24 wide.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct GridPos {
    pub(super) h: u32,
    pub(super) w: u32,
    pub(super) x: u32,
    pub(super) y: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) ref_id: String,
    pub(super) datasource: Datasource,
    pub(super) editor_mode: &'static str,
    pub(super) range: bool,
    pub(super) expr: String,
    pub(super) legend_format: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct FieldConfig {
    pub(super) defaults: Defaults,
    pub(super) overrides: [(); 0],
}

#[derive(Debug, Serialize)]
pub(super) struct Defaults {
    pub(super) unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thresholds: Option<Thresholds>,
}

#[derive(Debug, Serialize)]
pub(super) struct Thresholds {
    pub(super) mode: &'static str,
    pub(super) steps: Vec<Threshold>,
}

#[derive(Debug, Serialize)]
pub(super) struct Threshold {
    pub(super) color: &'static str,
    pub(super) value: Option<f64>,
}
