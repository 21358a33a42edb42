mod accounts;
mod flags;
mod races;
mod restores;
mod undo;
