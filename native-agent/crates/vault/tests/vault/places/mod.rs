mod containers;
mod made_again;
mod mounts;
mod new_directories;
mod not_there;
mod odd_directories;
mod single_files;
mod unscanned;
