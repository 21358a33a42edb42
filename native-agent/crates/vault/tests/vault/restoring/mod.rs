mod accounts;
mod earlier_jobs;
mod flags;
mod races;
mod restores;
mod undo;
