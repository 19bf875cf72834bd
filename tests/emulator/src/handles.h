// Objects behind the driver's handles: a handle that is none, or no longer one, is found out.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace turboesm_emulator {

template <typename T>
class Handles {
 public:
  T* add(std::unique_ptr<T> object) {
    std::lock_guard<std::mutex> lock(mutex_);
    T* handle = object.get();
    objects_[handle] = std::move(object);
    return handle;
  }

  bool contains(T* handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    return objects_.count(handle) != 0;
  }

  // The object itself, for the caller to end; null for a handle that is none.
  std::unique_ptr<T> remove(T* handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = objects_.find(handle);
    if (found == objects_.end()) {
      return nullptr;
    }
    std::unique_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  template <typename Predicate>
  std::vector<T*> select(Predicate predicate) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<T*> selected;
    for (auto& entry : objects_) {
      if (predicate(*entry.first)) {
        selected.push_back(entry.first);
      }
    }
    return selected;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<T*, std::unique_ptr<T>> objects_;
};

}  // namespace turboesm_emulator
