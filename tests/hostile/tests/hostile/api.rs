//! Every operation of the management API with generated inputs.

use weft_hostile::api_fuzz;
use weft_testkit::node::Program;

const EXAMPLES: u32 = 3;

#[tokio::test]
async fn every_operation_answers_as_its_document_says() {
    let seed = rand::random::<u64>() >> 32;
    let found = api_fuzz::run(Program::weft(), EXAMPLES, seed)
        .await
        .expect("the generator runs");
    assert!(found.is_clean(), "{}", found.summary());
}
