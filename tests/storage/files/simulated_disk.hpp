// A disk in memory that loses power. What is visible and what is durable are kept apart:
// writes become durable by sync_data(), names by sync_directory(). crash() drops what was
// not synced: all of it, or all but a part of the last write, or it keeps or drops each
// 512-byte sector and each name as a seeded coin says.
//
// Faults: write and sync errors by countdown or for good, a quota, bit rot. A failed sync
// behaves as Linux does: every unsynced sector is clean afterwards, whether or not it got
// to the disk.
#pragma once

#include "base/clock.hpp"
#include "storage/files/file_system.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

namespace weir {

class simulated_disk final : public file_system {
 public:
  static constexpr size_t sector_bytes = 512;

  struct fault_plan {
    int writes_until_error = -1; ///< 0: the next one fails half-way, once; -1: none does
    int syncs_until_error = -1;  ///< syncs of files
    int directory_syncs_until_error = -1;
    int creates_until_error = -1;
    int operations_until_dead = -1; ///< the power is about to go: then all fails
    bool dead = false; ///< every create, allocate, truncate, write and sync fails
    uint64_t quota_bytes = UINT64_MAX;
    bool writes_find_no_space = false; ///< as on a full file system that copies on write
    bool forget_directory_syncs = false; ///< lie: say yes and do nothing
    bool forget_syncs = false;           ///< the same, of files
    bool unreadable = false;             ///< every read fails
    int reads_until_unreadable = -1;
  };
  /// What becomes of that which was not synced when power goes.
  enum class loss : uint8_t { by_coin, rolled_back, torn_write };
  fault_plan faults;
  std::function<void(const std::string& path)> before_open;
  uint64_t syncs = 0;
  uint64_t writes = 0;
  uint64_t bytes_written = 0;

  explicit simulated_disk(uint64_t seed = 1) : random_(seed) {}

  /// Power loss and power back. Open files of before must not be used afterwards.
  void crash(loss how = loss::by_coin) {
    for (auto& [path, change] : unsynced_names_)
      if (how == loss::by_coin && random_.next() % 2 == 0)
        settle(change);
    unsynced_names_.clear();
    names_ = durable_names_;
    if (how == loss::torn_write && last_write_.where)
      last_write_.where->tear(last_write_.first, last_write_.last, random_);
    last_write_ = {};
    for (auto& [path, found] : names_)
      how == loss::by_coin ? found->lose_power(random_) : found->roll_back();
    faults = {};
  }

  /// A new, empty disk is in its place.
  void lose_everything() {
    durable_names_.clear();
    crash(loss::rolled_back);
  }

  /// Changes one bit, durably.
  bool rot(const std::string& path, uint64_t offset) {
    const auto found = names_.find(path);
    if (found == names_.end() || offset >= found->second->size)
      return false;
    auto& where = *found->second;
    const std::byte bit{static_cast<unsigned char>(1u << (random_.next() % 8))};
    where.sector(where.visible, offset / sector_bytes)[offset % sector_bytes] ^= bit;
    where.durable = where.visible;
    return true;
  }

  /// Reads of these bytes fail until they are healed; what they hold stays.
  void spoil(const std::string& path, uint64_t from, uint64_t to) {
    names_.at(path)->unreadable.emplace_back(from, to);
  }
  void heal() {
    for (auto& [path, found] : names_)
      found->unreadable.clear();
  }

  uint64_t used_bytes() const {
    uint64_t sum = 0;
    for (const auto& [path, found] : names_)
      sum += found->size;
    return sum;
  }
  bool exists(const std::string& path) const { return names_.contains(path); }

  result<std::unique_ptr<file>> create(const std::string& path) override {
    if (gone() || due(faults.creates_until_error))
      return fail(ec::io_failed, path + ": create: injected");
    if (names_.contains(path))
      return fail(ec::io_failed, path + ": create: exists");
    auto made = std::make_shared<inode>();
    names_[path] = made;
    unsynced_names_.emplace_back(path, name_change{{path, made}, {}});
    return std::make_unique<handle>(*this, path, made, true);
  }

  result<std::unique_ptr<file>> open(const std::string& path, bool writable) override {
    if (before_open)
      before_open(path);
    const auto found = names_.find(path);
    if (found == names_.end())
      return fail(ec::io_failed, path + ": open: no such file");
    return std::make_unique<handle>(*this, path, found->second, writable);
  }

  result<void> remove(const std::string& path) override {
    if (gone())
      return fail(ec::io_failed, path + ": remove: injected");
    if (names_.erase(path) == 0)
      return fail(ec::io_failed, path + ": remove: no such file");
    unsynced_names_.emplace_back(path, name_change{{}, path});
    return {};
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    const auto found = names_.find(from);
    if (gone() || found == names_.end())
      return fail(ec::io_failed, from + ": rename: injected or no such file");
    const auto moved = found->second;
    names_.erase(found);
    names_[to] = moved;
    unsynced_names_.emplace_back(to, name_change{{to, moved}, from});
    return {};
  }

  result<void> make_directory(const std::string&) override { return {}; }

  result<std::vector<std::string>> list(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [name, found] : names_)
      if (name.size() > path.size() && name.starts_with(path) && name[path.size()] == '/')
        names.push_back(name.substr(path.size() + 1));
    return names;
  }

  result<void> sync_directory(const std::string& path) override {
    if (gone() || due(faults.directory_syncs_until_error))
      return fail(ec::io_failed, path + ": sync directory: injected");
    if (faults.forget_directory_syncs)
      return {};
    for (auto& [name, change] : unsynced_names_)
      settle(change);
    unsynced_names_.clear();
    return {};
  }

  result<uint64_t> free_bytes(const std::string&) override {
    const auto used = used_bytes();
    return used < faults.quota_bytes ? faults.quota_bytes - used : 0;
  }

 private:
  using sector_data = std::array<std::byte, sector_bytes>;
  using sectors = std::unordered_map<uint64_t, sector_data>;

  struct inode {
    sectors visible, durable;
    std::set<uint64_t> unsynced; ///< sectors that differ
    uint64_t size = 0, durable_size = 0;
    std::vector<std::pair<uint64_t, uint64_t>> unreadable; ///< from, to

    bool can_read(uint64_t from, uint64_t to) const {
      return std::none_of(unreadable.begin(), unreadable.end(), [&](const auto& bad) {
        return bad.first < to && from < bad.second;
      });
    }
    static sector_data& sector(sectors& all, uint64_t number) {
      return all.try_emplace(number, sector_data{}).first->second;
    }
    void settle(uint64_t number) {
      if (const auto found = visible.find(number); found != visible.end())
        durable[number] = found->second;
      else
        durable.erase(number);
    }
    void sync() {
      for (const auto number : unsynced)
        settle(number);
      unsynced.clear();
      durable_size = size;
    }
    void fail_sync(random_source& random) {
      for (const auto number : unsynced)
        if (random.next() % 2 == 0)
          settle(number);
      unsynced.clear();
    }
    void drop_cached() {
      auto shown = durable;
      for (const auto number : unsynced)
        if (const auto found = visible.find(number); found != visible.end())
          shown[number] = found->second;
        else
          shown.erase(number);
      visible = std::move(shown);
    }
    void lose_power(random_source& random) {
      fail_sync(random);
      if (random.next() % 2 == 0)
        durable_size = size;
      roll_back();
    }
    void roll_back() {
      unsynced.clear();
      visible = durable;
      size = durable_size;
    }
    /// A write that power cut off: some of its sectors are there, one of them in part.
    void tear(uint64_t first, uint64_t last, random_source& random) {
      const auto broken = first + random.next() % (last - first + 1);
      for (auto number = first; number <= last; ++number) {
        const auto found = visible.find(number);
        if (found == visible.end() || !unsynced.contains(number))
          continue;
        const auto bytes = number == broken         ? random.next() % sector_bytes
                           : random.next() % 2 == 0 ? sector_bytes
                                                    : 0;
        if (bytes > 0)
          std::memcpy(sector(durable, number).data(), found->second.data(), bytes);
      }
    }
  };
  using inode_ptr = std::shared_ptr<inode>;

  /// Takes effect as one: `unlinked` goes, `linked` comes.
  struct name_change {
    std::pair<std::string, inode_ptr> linked;
    std::string unlinked;
  };

  void settle(const name_change& change) {
    if (!change.unlinked.empty())
      durable_names_.erase(change.unlinked);
    if (change.linked.second)
      durable_names_[change.linked.first] = change.linked.second;
  }

  /// Called once by every operation that changes something.
  bool gone() {
    faults.dead = faults.dead || due(faults.operations_until_dead);
    return faults.dead;
  }

  static bool due(int& countdown) { return countdown >= 0 && countdown-- == 0; }

  class handle final : public file {
   public:
    handle(simulated_disk& disk, std::string path, inode_ptr found, bool writable)
      : disk_(disk), path_(std::move(path)), inode_(std::move(found)),
        writable_(writable) {}

    result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) override {
      if (!writable_ || disk_.gone())
        return refuse("write");
      if (disk_.faults.writes_find_no_space)
        return fail(ec::journal_full, path_ + ": write: no space");
      ++disk_.writes;
      disk_.bytes_written += bytes.size();
      const bool broken = due(disk_.faults.writes_until_error);
      if (broken)
        bytes = bytes.first(bytes.size() / 2);
      if (offset + bytes.size() > inode_->size && !grow(offset + bytes.size()))
        return fail(ec::journal_full, path_ + ": write: quota");
      if (!bytes.empty())
        disk_.last_write_ = {inode_, offset / sector_bytes,
                             (offset + bytes.size() - 1) / sector_bytes};
      while (!bytes.empty()) {
        const auto number = offset / sector_bytes;
        const auto inner = static_cast<size_t>(offset % sector_bytes);
        const auto count = std::min(bytes.size(), sector_bytes - inner);
        auto& data = inode::sector(inode_->visible, number);
        std::memcpy(data.data() + inner, bytes.data(), count);
        inode_->unsynced.insert(number);
        offset += count;
        bytes = bytes.subspan(count);
      }
      return broken ? refuse("write") : result<void>{};
    }

    result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) override {
      if (offset >= inode_->size)
        return size_t{0};
      bytes = bytes.first(std::min<uint64_t>(bytes.size(), inode_->size - offset));
      auto& plan = disk_.faults;
      plan.unreadable = plan.unreadable || due(plan.reads_until_unreadable);
      if (plan.unreadable || !inode_->can_read(offset, offset + bytes.size()))
        return refuse("read");
      for (size_t done = 0; done < bytes.size();) {
        const auto inner = static_cast<size_t>((offset + done) % sector_bytes);
        const auto count = std::min(bytes.size() - done, sector_bytes - inner);
        const auto found = inode_->visible.find((offset + done) / sector_bytes);
        if (found == inode_->visible.end())
          std::memset(bytes.data() + done, 0, count);
        else
          std::memcpy(bytes.data() + done, found->second.data() + inner, count);
        done += count;
      }
      return bytes.size();
    }

    result<void> sync_data() override {
      ++disk_.syncs;
      if (disk_.gone() || due(disk_.faults.syncs_until_error)) {
        inode_->fail_sync(disk_.random_);
        return refuse("sync");
      }
      if (!disk_.faults.forget_syncs)
        inode_->sync();
      return {};
    }

    result<void> drop_cached() override {
      inode_->drop_cached();
      return {};
    }

    result<void> allocate(uint64_t bytes) override {
      if (disk_.gone())
        return refuse("allocate");
      if (bytes > inode_->size && !grow(bytes))
        return fail(ec::journal_full, path_ + ": allocate: quota");
      return {};
    }

    result<void> truncate(uint64_t bytes) override {
      if (!writable_ || disk_.gone())
        return refuse("truncate");
      const auto keep = (bytes + sector_bytes - 1) / sector_bytes;
      for (auto at = inode_->visible.begin(); at != inode_->visible.end();) {
        if (at->first < keep) {
          ++at;
          continue;
        }
        inode_->unsynced.insert(at->first);
        at = inode_->visible.erase(at);
      }
      if (bytes % sector_bytes != 0)
        if (const auto last = inode_->visible.find(bytes / sector_bytes);
            last != inode_->visible.end()) {
          std::fill(last->second.begin()
                      + static_cast<std::ptrdiff_t>(bytes % sector_bytes),
                    last->second.end(), std::byte{0});
          inode_->unsynced.insert(last->first);
        }
      inode_->size = bytes;
      return {};
    }

    result<uint64_t> size() override { return inode_->size; }

   private:
    bool grow(uint64_t bytes) {
      const auto more = bytes - inode_->size;
      if (disk_.used_bytes() + more > disk_.faults.quota_bytes)
        return false;
      inode_->size = bytes;
      return true;
    }
    tl::unexpected<fault> refuse(const char* operation) const {
      return fail(ec::io_failed, path_ + ": " + operation + ": injected");
    }

    simulated_disk& disk_;
    std::string path_;
    inode_ptr inode_;
    bool writable_;
  };

  struct extent {
    inode_ptr where;
    uint64_t first = 0, last = 0; ///< sectors
  };

  random_source random_;
  extent last_write_;
  std::map<std::string, inode_ptr> names_, durable_names_;
  std::vector<std::pair<std::string, name_change>> unsynced_names_;
};

} // namespace weir
