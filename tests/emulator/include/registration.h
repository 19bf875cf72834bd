// What a module says about its kernels, deduced from the functions' types.
#pragma once

template <typename T>
struct turboesm_emulator_ptx_type {
  static constexpr const char* name = "";
};
template <typename T>
struct turboesm_emulator_ptx_type<T*> {
  static constexpr const char* name = ".u64";
};
#define TURBOESM_EMULATOR_PTX_TYPE(type, text) \
  template <>                                  \
  struct turboesm_emulator_ptx_type<type> {    \
    static constexpr const char* name = text;  \
  };
TURBOESM_EMULATOR_PTX_TYPE(bool, ".u8")
TURBOESM_EMULATOR_PTX_TYPE(char, ".u8")
TURBOESM_EMULATOR_PTX_TYPE(signed char, ".u8")
TURBOESM_EMULATOR_PTX_TYPE(unsigned char, ".u8")
TURBOESM_EMULATOR_PTX_TYPE(short, ".u16")
TURBOESM_EMULATOR_PTX_TYPE(unsigned short, ".u16")
TURBOESM_EMULATOR_PTX_TYPE(int, ".u32")
TURBOESM_EMULATOR_PTX_TYPE(unsigned, ".u32")
TURBOESM_EMULATOR_PTX_TYPE(long, ".u64")
TURBOESM_EMULATOR_PTX_TYPE(unsigned long, ".u64")
TURBOESM_EMULATOR_PTX_TYPE(long long, ".u64")
TURBOESM_EMULATOR_PTX_TYPE(unsigned long long, ".u64")
TURBOESM_EMULATOR_PTX_TYPE(float, ".f32")
TURBOESM_EMULATOR_PTX_TYPE(double, ".f64")

template <typename T>
struct turboesm_emulator_is_pointer {
  static constexpr bool value = false;
};
template <typename T>
struct turboesm_emulator_is_pointer<T*> {
  static constexpr bool value = true;
};

template <int... I>
struct turboesm_emulator_indices {};

template <auto kernel, typename Type = decltype(kernel)>
struct turboesm_emulator_binding;

template <auto kernel, typename... P>
struct turboesm_emulator_binding<kernel, void (*)(P...)> {
  // One more than the kernel has, for kernels without parameters.
  static constexpr KernelParameter parameters[sizeof...(P) + 1] = {
      {turboesm_emulator_ptx_type<P>::name, sizeof(P), alignof(P),
       turboesm_emulator_is_pointer<P>::value}...,
      {"", 0, 1, false}};

  template <int... I>
  static void call(void* const* arguments, turboesm_emulator_indices<I...>) {
    kernel(*static_cast<P*>(arguments[I])...);
  }

  static void invoke(void* const* arguments) {
    call(arguments, turboesm_emulator_indices<__integer_pack(sizeof...(P))...>());
  }

  static constexpr KernelEntry entry(const char* name, int max_threads) {
    return {name, invoke, parameters, sizeof...(P), max_threads};
  }
};
