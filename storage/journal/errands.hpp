// ERRANDS: slow work on files that no commit waits for, run beside the thread that commits. One
// at a time. The sender keeps the books and waits for its last errand before it ends, so no
// errand outlives its sender.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace weir {

/// Used by one thread.
class errand_runner {
 public:
  virtual ~errand_runner() = default;
  /// Runs `job`, which throws nothing, at once or beside the caller, once the last one is over.
  virtual void run(std::function<void()> job) = 0;
  /// Returns when the last job is over.
  virtual void wait() = 0;
};

/// Runs jobs in a thread of its own, which ends with the object, after the job it has.
class errand_thread final : public errand_runner {
 public:
  /// `on_over` is called in that thread after each job.
  explicit errand_thread(std::function<void()> on_over);
  ~errand_thread() override;
  errand_thread(const errand_thread&) = delete;
  errand_thread& operator=(const errand_thread&) = delete;

  void run(std::function<void()> job) override;
  void wait() override;

 private:
  void work();

  const std::function<void()> on_over_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_; ///< set until it is over
  bool ending_ = false;
  std::thread thread_; ///< last: it uses the others
};

} // namespace weir
