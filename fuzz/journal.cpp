// Recovery and reading over arbitrary segment files: no crash, bounded memory, and what
// recovery has repaired once reads without an error and stays as it is.
#include "storage/journal/journal.hpp"
#include "storage/journal/codec.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <cstdlib>
#include <cstring>

using namespace weir;

namespace {

/// Gives every head that may be one a CRC that is right, so that the fuzzer gets behind
/// it.
void seal_all(std::span<std::byte> frames, uint64_t salt) {
  for (size_t at = 0; at + sizeof(frame_head) <= frames.size();) {
    const frame_place place{salt, frames_begin + at};
    auto head = read_head(frames.data() + at);
    if (!plausible(head, place, frames.size() - at)) {
      at += 8;
      continue;
    }
    seal_frame(frames.subspan(at, head.length), head.first_sequence, head.epoch,
               head.group_start, place);
    at += head.length;
  }
}

void put_segment(simulated_disk& disk, uint64_t number,
                 std::span<const std::byte> bytes) {
  if (bytes.empty())
    return;
  const auto mode = std::to_integer<unsigned>(bytes[0]);
  std::vector<std::byte> content{bytes.begin() + 1, bytes.end()};
  auto made = disk.create(segment_path("j", number));
  if (mode % 2 == 0) { // anything at all
    (void)(*made)->write_at(mode % 4 == 0 ? 0 : frames_begin, content);
    return;
  }
  segment_header header;
  header.number = number;
  header.previous = mode % 8 < 4 ? number - 1 : 0;
  header.previous_end = frames_begin + mode * 8;
  (void)write_header(**made, header);
  seal_all(content, header.salt);
  (void)(*made)->write_at(frames_begin, content);
}

/// A journal as the writer leaves it, and then the input's bytes over it: each three
/// bytes are a place and a value.
void put_damaged_journal(simulated_disk& disk, const journal_config& config,
                         std::span<const std::byte> damage) {
  manual_clock clock;
  recovery_report report;
  for (uint64_t start = 0; start < 2; ++start) {
    auto writer = journal_writer::open(config, disk, clock, 0, report);
    for (uint64_t i = 0; i < 4; ++i) {
      batch_builder build;
      build.part({start, i}, true).record("{\"a\":1}").record("{}");
      build.reject_record(reject::ragged_row, "a,b,c");
      (*writer)->add(build.done());
      (void)(*writer)->commit();
    }
  }
  for (size_t at = 0; at + 3 <= damage.size(); at += 3) {
    const auto place = std::to_integer<unsigned>(damage[at]) << 8
                       | std::to_integer<unsigned>(damage[at + 1]);
    const uint64_t offset = place % 16 == 0 ? place % 8192 : frames_begin + place % 1024;
    auto segment = disk.open(segment_path("j", 1 + place % 2), true);
    if (segment)
      (void)(*segment)->write_at(offset, damage.subspan(at + 2, 1));
  }
}

size_t read_all(simulated_disk& disk, journal_position until) {
  auto reader = journal_reader::open("j", disk, {});
  size_t frames = 0;
  for (;;) {
    const auto some = (*reader)->read(until, 100, 1 << 20);
    if (!some)
      std::abort(); // recovery had its say: nothing unreadable may be left
    if (some->empty())
      return frames;
    frames += some->size();
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  simulated_disk disk;
  manual_clock clock;
  const std::span bytes{reinterpret_cast<const std::byte*>(data), size};
  journal_config config;
  config.directory = "j";
  config.segment_bytes = uint64_t{64} << 10;
  config.keys_max = config.recent_keys_max = 16;
  const auto first = size == 0 ? 0 : std::min(size, size_t{data[0]} * 8);
  if (first % 16 == 0) {
    put_damaged_journal(disk, config, bytes.subspan(std::min<size_t>(size, 1)));
  } else {
    put_segment(disk, 1, bytes.first(first));
    put_segment(disk, 2, bytes.subspan(first));
  }
  (void)journal_end("j", disk);
  recovery_report report;
  const auto once = journal_writer::open(config, disk, clock, 0, report);
  if (!once)
    std::abort(); // a healthy disk always opens
  const auto frames = read_all(disk, (*once)->durable_end());
  if (frames != report.frames)
    std::abort();
  const auto again = journal_writer::open(config, disk, clock, 0, report);
  if (!again || report.frames != frames || report.frames_quarantined != 0)
    std::abort();
  return 0;
}
