mod asked;
mod clones;
mod earlier;
mod held;
mod journal;
mod read_again;
mod saves;
mod young;
