// FILES: what one life of a process sees of the simulated disk. After its end nothing it
// does reaches the disk any more. A sync takes virtual time, in which others go on and the
// process may end.
#pragma once

#include "tests/simulation/faults.hpp"
#include "tests/simulation/life.hpp"
#include "tests/storage/files/simulated_disk.hpp"

namespace weir::simulation {

/// How the disk is at the moment, beside its own faults.
struct disk_mood {
  duration latency{0}; ///< each sync takes it
  duration slow{0};    ///< more of it, for a while
};

class process_files final : public file_system {
 public:
  process_files(simulated_disk& disk, const disk_mood& mood, life& owner, trace& log)
    : disk_(disk), mood_(mood), owner_(owner), log_(log) {}

  result<std::unique_ptr<file>> create(const std::string& path) override {
    return wrap(path, when_alive(path, [&] { return disk_.create(path); }));
  }
  result<std::unique_ptr<file>> open(const std::string& path, bool writable) override {
    return wrap(path, when_alive(path, [&] { return disk_.open(path, writable); }));
  }
  result<void> remove(const std::string& path) override {
    return noted("remove", path, when_alive(path, [&] { return disk_.remove(path); }));
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    return noted("rename", to, when_alive(from, [&] { return disk_.rename(from, to); }));
  }
  result<void> make_directory(const std::string& path) override {
    return disk_.make_directory(path);
  }
  result<std::vector<std::string>> list(const std::string& path) override {
    return when_alive(path, [&] { return disk_.list(path); });
  }
  result<void> sync_directory(const std::string& path) override {
    take_time();
    if (seeded(bite::forgets_directory_sync))
      return {};
    return noted("sync directory", path,
                 when_alive(path, [&] { return disk_.sync_directory(path); }));
  }
  result<uint64_t> free_bytes(const std::string& path) override {
    return disk_.free_bytes(path);
  }

 private:
  class open_file final : public file {
   public:
    open_file(process_files& owner, std::string path, std::unique_ptr<file> inner)
      : owner_(owner), path_(std::move(path)), inner_(std::move(inner)) {}

    result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) override {
      return owner_.noted("write", path_, owner_.when_alive(path_, [&] {
        return inner_->write_at(offset, bytes);
      }));
    }
    result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) override {
      return owner_.when_alive(path_, [&] { return inner_->read_at(offset, bytes); });
    }
    result<void> sync_data() override {
      if (seeded(bite::acknowledges_before_sync))
        return {};
      owner_.take_time();
      auto done = owner_.when_alive(path_, [&] { return inner_->sync_data(); });
      if (!done && !owner_.owner_.over() && seeded(bite::believes_second_sync))
        done = inner_->sync_data();
      return owner_.noted("sync", path_, std::move(done));
    }
    result<void> drop_cached() override {
      if (seeded(bite::believes_the_cache))
        return {};
      return owner_.when_alive(path_, [&] { return inner_->drop_cached(); });
    }
    result<void> allocate(uint64_t bytes) override {
      return owner_.noted("allocate", path_, owner_.when_alive(path_, [&] {
        return inner_->allocate(bytes);
      }));
    }
    result<void> truncate(uint64_t bytes) override {
      return owner_.noted("truncate", path_, owner_.when_alive(path_, [&] {
        return inner_->truncate(bytes);
      }));
    }
    result<uint64_t> size() override {
      return owner_.when_alive(path_, [&] { return inner_->size(); });
    }

   private:
    process_files& owner_;
    std::string path_;
    std::unique_ptr<file> inner_;
  };

  template <class F>
  auto when_alive(const std::string& path, F&& f) -> decltype(f()) {
    if (owner_.over())
      return fail(ec::io_failed, path + ": the process is gone");
    return f();
  }
  void take_time() {
    if (const auto time = mood_.latency + mood_.slow; time > duration{0})
      owner_.wait(time);
  }
  template <class T>
  T noted(std::string_view what, const std::string& path, T done) {
    if (!owner_.over())
      log_.note("disk: {} {} {}", what, path, done ? "" : "fails");
    return done;
  }
  result<std::unique_ptr<file>> wrap(const std::string& path,
                                     result<std::unique_ptr<file>> opened) {
    if (!opened)
      return opened;
    return std::make_unique<open_file>(*this, path, std::move(*opened));
  }

  simulated_disk& disk_;
  const disk_mood& mood_;
  life& owner_;
  trace& log_;
};

} // namespace weir::simulation
