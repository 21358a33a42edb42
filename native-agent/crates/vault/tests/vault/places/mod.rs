mod containers;
mod mounts;
mod new_directories;
mod odd_directories;
mod single_files;
mod unscanned;
