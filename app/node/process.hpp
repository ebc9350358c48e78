// PROCESS: what a node asks of the operating system for the whole process, before it has threads.
#pragma once

namespace weir {

/// Files may hold anybody's data: only owner and group may use them, the sink's and SQLite's
/// included.
void close_files_to_others();

/// Raises the limit of descriptors to the hard limit: a connection takes one.
void raise_descriptor_limit();

/// Batches are large and go from thread to thread: few arenas, and freed blocks go back
/// at once, or the resident size would be the sum of every thread's worst moment.
void tame_allocator();

} // namespace weir
