//! Writes proto/golden again, after a deliberate change of the wire form: `cargo run -p norn-events --example write-golden`.
#[path = "../tests/batches/sample.rs"]
mod sample;

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../proto/golden");
    std::fs::create_dir_all(&directory)?;
    let batch = sample::batch();
    std::fs::write(directory.join("batch-v1.bin"), batch.encode_to_vec())?;
    let rows = sample::rows_as_json(&batch, &norn_events::read_batch(&batch)?);
    std::fs::write(directory.join("batch-v1.json"), format!("{rows:#}\n"))?;
    Ok(())
}
