mod elsewhere;
mod every_way;
mod exchanges;
mod extremes;
mod moved_onto;
mod moved_out;
mod names_outside;
mod ways;
