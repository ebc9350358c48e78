// Frames made by hand, a directory that cleans up after itself, a clock and a disk that
// the test controls: what the tests of sinks, dead letters and export share.
#pragma once

#include "base/clock.hpp"
#include "storage/files/file_system.hpp"
#include "storage/sink/sink.hpp"

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace weir::sink_test {

/// A fresh directory, removed with all that is in it.
class scratch_directory {
 public:
  scratch_directory() {
    auto name = (std::filesystem::temp_directory_path() / "weir-sink-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline constexpr int64_t start_us = 1'700'000'000'000'000;

struct manual_clock final : clock_source {
  int64_t us = start_us;
  int64_t wall_wrong_us = 0; ///< the wall clock alone
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::time_point{std::chrono::microseconds{us}};
  }
  int64_t unix_us() const noexcept override { return us + wall_wrong_us; }
};

/// A journal's worth of frames with sequences and positions as a journal gives them.
class frame_list {
 public:
  static constexpr uint64_t segment_frames = 16; ///< a new segment after so many

  frame_view& add(size_t records, std::string_view stream = "web",
                  int64_t received_at_us = start_us) {
    frame_view frame;
    frame.first_sequence = next_sequence_;
    frame.received_at_us = received_at_us;
    frame.stream = keep(std::string{stream});
    frame.key = {7, frames_.size() + 1};
    for (size_t i = 0; i < records; ++i)
      frame.records.push_back(keep(R"({"n":)" + std::to_string(next_sequence_++) + "}"));
    frame.next = {frames_.size() / segment_frames + 1,
                  (frames_.size() % segment_frames + 1) * 100};
    frames_.push_back(std::move(frame));
    return frames_.back();
  }
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  const std::vector<frame_view>& all() const noexcept { return frames_; }
  std::span<const frame_view> slice(size_t from, size_t count) const {
    return std::span{frames_}.subspan(from, count);
  }
  journal_position end() const {
    return frames_.empty() ? journal_position{} : frames_.back().next;
  }
  uint64_t last_sequence() const noexcept { return next_sequence_ - 1; }

 private:
  std::deque<std::string> texts_;
  std::vector<frame_view> frames_;
  uint64_t next_sequence_ = 1;
};

inline result<void> commit_all(sink& to, const frame_list& frames) {
  return to.commit(frames.all(), frames.end());
}

/// Every record as "id stream received_at body", in the order of the visit.
inline std::vector<std::string> contents(sink& of) {
  std::vector<std::string> lines;
  const auto done = of.each([&](const stored_record& r) {
    lines.push_back(std::to_string(r.id) + " " + std::string{r.stream} + " "
                    + std::to_string(r.received_at_us) + " " + std::string{r.body});
    return true;
  });
  if (!done)
    lines.push_back("error: " + done.error().text);
  return lines;
}

inline std::vector<std::string> contents(std::span<const frame_view> frames) {
  std::vector<std::string> lines;
  for (const auto& frame : frames)
    for (size_t i = 0; i < frame.records.size(); ++i)
      lines.push_back(
        std::to_string(frame.first_sequence + i) + " " + std::string{frame.stream} + " "
        + std::to_string(frame.received_at_us) + " " + std::string{frame.records[i]});
  return lines;
}

/// Seeds of a property test: WEIR_SEED alone if set, else 1 … count.
inline std::vector<uint64_t> seeds(uint64_t count) {
  if (const auto* given = std::getenv("WEIR_SEED"))
    return {std::stoull(given)};
  std::vector<uint64_t> all;
  for (uint64_t seed = 1; seed <= count; ++seed)
    all.push_back(seed);
  return all;
}

/// The real disk, until `operations_left` runs out: then every operation fails, and a
/// write that fails has written half of its bytes. While `full`, so does every write.
class faulty_disk final : public file_system {
 public:
  uint64_t operations_left = UINT64_MAX;
  bool full = false;
  std::vector<std::string>
    done; ///< `create NAME`, `truncate NAME`, `sync NAME`, in order

  bool broken() {
    if (operations_left == 0)
      return true;
    --operations_left;
    return false;
  }

  result<std::unique_ptr<file>> create(const std::string& path) override {
    note("create", path);
    return wrap(path, [&] { return disk_.create(path); });
  }
  result<std::unique_ptr<file>> open(const std::string& path, bool writable) override {
    return wrap(path, [&] { return disk_.open(path, writable); });
  }
  result<void> remove(const std::string& path) override {
    return broken() ? injected(path) : disk_.remove(path);
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    return broken() ? injected(from) : disk_.rename(from, to);
  }
  result<void> make_directory(const std::string& path) override {
    return broken() ? injected(path) : disk_.make_directory(path);
  }
  result<std::vector<std::string>> list(const std::string& path) override {
    if (broken())
      return injected(path);
    return disk_.list(path);
  }
  result<void> sync_directory(const std::string& path) override {
    note("sync", path);
    return broken() ? injected(path) : disk_.sync_directory(path);
  }
  result<uint64_t> free_bytes(const std::string& path) override {
    return disk_.free_bytes(path);
  }

 private:
  void note(const char* what, const std::string& path) {
    done.push_back(what + (' ' + std::filesystem::path{path}.filename().string()));
  }
  static tl::unexpected<fault> injected(const std::string& path) {
    return fail(ec::io_failed, path + ": injected");
  }

  class faulty_file final : public file {
   public:
    faulty_file(faulty_disk& disk, std::string path, std::unique_ptr<file> real)
      : disk_(disk), path_(std::move(path)), real_(std::move(real)) {}
    result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) override {
      if (!disk_.broken() && !disk_.full)
        return real_->write_at(offset, bytes);
      (void)real_->write_at(offset, bytes.first(bytes.size() / 2));
      return injected("write");
    }
    result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) override {
      return real_->read_at(offset, bytes);
    }
    result<void> sync_data() override {
      disk_.note("sync", path_);
      return disk_.broken() ? injected("sync") : result<void>{};
    }
    result<void> allocate(uint64_t bytes) override { return real_->allocate(bytes); }
    result<void> truncate(uint64_t bytes) override {
      disk_.note("truncate", path_);
      return disk_.broken() ? injected("truncate") : real_->truncate(bytes);
    }
    result<uint64_t> size() override { return real_->size(); }

   private:
    faulty_disk& disk_;
    std::string path_;
    std::unique_ptr<file> real_;
  };

  template <class Open>
  result<std::unique_ptr<file>> wrap(const std::string& path, const Open& open_real) {
    if (broken())
      return injected(path);
    auto real = open_real();
    if (!real)
      return tl::unexpected(real.error());
    return std::make_unique<faulty_file>(*this, path, std::move(*real));
  }

  file_system& disk_ = posix_file_system();
};

} // namespace weir::sink_test
