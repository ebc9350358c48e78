// A disk that writes down, in order, what is done to names and what is synced.
#pragma once

#include "tests/storage/files/simulated_disk.hpp"

namespace weir {

class recording_disk final : public file_system {
 public:
  explicit recording_disk(simulated_disk& disk) : disk_(disk) {}
  std::vector<std::string>
    done; ///< `truncate j/…`, `sync j/…`, `rename FROM TO`, `sync j`

  /// `what` was done, and `then` after it.
  bool in_order(const std::string& what, const std::string& then) const {
    const auto first = std::find(done.begin(), done.end(), what);
    return first != done.end() && std::find(first, done.end(), then) != done.end();
  }

  result<std::unique_ptr<file>> create(const std::string& path) override {
    return wrap(path, disk_.create(path));
  }
  result<std::unique_ptr<file>> open(const std::string& path, bool writable) override {
    return wrap(path, disk_.open(path, writable));
  }
  result<void> remove(const std::string& path) override { return disk_.remove(path); }
  result<void> rename(const std::string& from, const std::string& to) override {
    done.push_back("rename " + from + " " + to);
    return disk_.rename(from, to);
  }
  result<void> make_directory(const std::string& path) override {
    return disk_.make_directory(path);
  }
  result<std::vector<std::string>> list(const std::string& path) override {
    return disk_.list(path);
  }
  result<void> sync_directory(const std::string& path) override {
    done.push_back("sync " + path);
    return disk_.sync_directory(path);
  }
  result<uint64_t> free_bytes(const std::string& path) override {
    return disk_.free_bytes(path);
  }

 private:
  class handle final : public file {
   public:
    handle(recording_disk& disk, std::string path, std::unique_ptr<file> real)
      : disk_(disk), path_(std::move(path)), real_(std::move(real)) {}
    result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) override {
      return real_->write_at(offset, bytes);
    }
    result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) override {
      return real_->read_at(offset, bytes);
    }
    result<void> sync_data() override {
      disk_.done.push_back("sync " + path_);
      return real_->sync_data();
    }
    result<void> drop_cached() override { return real_->drop_cached(); }
    result<void> allocate(uint64_t bytes) override { return real_->allocate(bytes); }
    result<void> truncate(uint64_t bytes) override {
      disk_.done.push_back("truncate " + path_);
      return real_->truncate(bytes);
    }
    result<uint64_t> size() override { return real_->size(); }

   private:
    recording_disk& disk_;
    std::string path_;
    std::unique_ptr<file> real_;
  };

  result<std::unique_ptr<file>> wrap(const std::string& path,
                                     result<std::unique_ptr<file>> opened) {
    if (!opened)
      return opened;
    return std::make_unique<handle>(*this, path, std::move(*opened));
  }

  simulated_disk& disk_;
};

} // namespace weir
