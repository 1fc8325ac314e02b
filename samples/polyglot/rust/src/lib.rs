//! The orchestrator of the tour: it calls an activity of every language.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure, orchestrator};

/// What is handed from language to language.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Parcel {
    pub id: u32,
    /// Who has had it.
    pub stamps: Vec<String>,
}

/// Sends a parcel through every language and gives it back with all stamps.
#[orchestrator]
pub async fn tour(ctx: Context, parcel: Parcel) -> Result<Parcel, Failure> {
    let mut parcel = parcel;
    for stamp in ["stamp-python", "stamp-typescript", "stamp-go", "stamp-c"] {
        parcel = ctx.activity(stamp, &parcel).await?;
    }
    parcel.stamps.push("rust".to_owned());
    Ok(parcel)
}

weft_sdk::export! {
    orchestrators: [tour],
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn everybody_stamps() {
        let parcel = Parcel {
            id: 1,
            stamps: Vec::new(),
        };
        let mut run = Orchestration::new(tour, parcel);
        for name in ["python", "typescript", "go", "c"] {
            run = run.activity(&format!("stamp-{name}"), move |mut parcel: Parcel| {
                parcel.stamps.push(name.to_owned());
                Ok(parcel)
            });
        }
        let stamps = run.run::<Parcel, _>().result.map(|parcel| parcel.stamps);
        let expected = ["python", "typescript", "go", "c", "rust"];
        assert_eq!(stamps, Ok(expected.map(str::to_owned).to_vec()));
    }
}
