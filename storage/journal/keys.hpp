// KEY INDEX: what became of the parts stored lately, by batch key, so that a repeated one
// is answered and not stored again. First in, first out, bounded by number and optionally
// by age.
//
// Age is counted on the monotonic clock from when this process learned the key: setting
// the wall clock forgets nothing, and a restart keeps keys longer, never shorter.
//
// Memory: an entry of 64 bytes in a deque and a hash slot of 4 bytes (5 to 10 with the
// table's slack; taken in whole at start, so that no growth stalls a commit): at most 75
// bytes a key, 75 MB for a million.
#pragma once

#include "base/clock.hpp"
#include "proto/batch.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace weir {

struct key_entry : part_counts {
  batch_key key;
  uint64_t fingerprint = 0;
  uint64_t last_sequence = 0;
  uint32_t learned_s = 0; ///< seconds since the index was made
};

/// One thread.
class key_index {
 public:
  /// `age_max` zero: by number only.
  key_index(size_t keys_max, std::chrono::seconds age_max, const clock_source& clock);
  key_index(const key_index&) = delete; // the table's hash points at entries_
  key_index& operator=(const key_index&) = delete;

  /// Null when unknown; else good until the next call that changes the index.
  const key_entry* find(const batch_key& key) const noexcept;
  /// Adds the newest entry; one that is known already is replaced in its place.
  void add(key_entry entry);
  /// Adds an entry older than all others; ignored if it is known or there is no room.
  void add_oldest(key_entry entry);
  size_t size() const noexcept { return entries_.size(); }

 private:
  /// The table holds running numbers, which wrap; entries_[number - first_] is the entry.
  struct lookup {
    using is_transparent = void;
    const key_index* index;
    const batch_key& key_of(uint32_t number) const noexcept;
    const batch_key& key_of(const batch_key& key) const noexcept { return key; }
    // Keys are SHA-256 or random: mixed enough.
    template <class T>
    size_t operator()(const T& what) const noexcept {
      const auto& key = key_of(what);
      return static_cast<size_t>(key.low ^ (key.high * 0x9e3779b97f4a7c15ULL));
    }
    template <class T, class U>
    bool operator()(const T& a, const U& b) const noexcept {
      return key_of(a) == key_of(b);
    }
  };

  uint32_t now_s() const noexcept;
  void expire() noexcept;
  void drop_oldest() noexcept;

  size_t keys_max_;
  std::chrono::seconds age_max_;
  const clock_source& clock_;
  std::chrono::steady_clock::time_point started_;
  uint32_t first_ = 0;
  std::deque<key_entry> entries_;
  boost::unordered_flat_set<uint32_t, lookup, lookup> numbers_;
};

} // namespace weir
