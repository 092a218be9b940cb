//! A whole synod in one process, for tests of apps: founded with simulated evidence, one voter, no
//! sockets, no disk.

mod answer;
mod apps;
mod compare;
mod error;
mod founding;
mod run;
mod scenario;
mod synod;
mod variables;
mod workshop;

pub use answer::Answer;
pub use apps::{AppFiles, AppStage};
pub use compare::{Difference, differences};
pub use error::TestbedError;
pub use founding::MEMBERS;
pub use run::{Asked, ScenarioReport, Stage, StepReport, run};
pub use scenario::{
    Body, Expectations, SCENARIO_BYTES_MAX, STEPS_MAX, Scenario, ScenarioError, Speaker, Step,
};
pub use synod::Synod;
pub use variables::{UnknownVariable, Variables};
pub use workshop::Workshop;
