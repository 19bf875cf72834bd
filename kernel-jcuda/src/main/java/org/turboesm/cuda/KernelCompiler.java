package org.turboesm.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;
import jcuda.nvrtc.nvrtcResult;

/** NVRTC, the compiler that is a library. It needs no device. */
public final class KernelCompiler {
  private static final String LIBRARY = "libnvrtc.so.12";

  private final Optional<String> unavailable;

  private static final class Holder {
    static final KernelCompiler INSTANCE = open();
  }

  /**
   * What a compilation gives.
   *
   * @param log the compiler's words; registers and spills where they were asked for
   */
  record Result(CompiledKernels kernels, String log) {}

  private KernelCompiler(Optional<String> unavailable) {
    this.unavailable = unavailable;
  }

  /** The compiler, loaded when it is first asked for. */
  public static KernelCompiler get() {
    return Holder.INSTANCE;
  }

  private static KernelCompiler open() {
    Optional<String> missing =
        NativeLibraries.load(
            LIBRARY,
            "it comes with the CUDA 12 toolkit and with Python's package nvidia-cuda-nvrtc-cu12");
    if (missing.isEmpty()) {
      try {
        JNvrtc.setExceptionsEnabled(false);
      } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
        missing = Optional.of("JCuda's native library cannot be loaded: " + e.getMessage());
      }
    }
    return new KernelCompiler(missing.map(reason -> "kernels cannot be compiled: " + reason));
  }

  /** Why there is no compiler and what to do about it, or empty. */
  public Optional<String> unavailable() {
    return unavailable;
  }

  /** The compiler's version, for example 12.6. */
  String version() {
    int[] major = new int[1];
    int[] minor = new int[1];
    check(JNvrtc.nvrtcVersion(major, minor), "nvrtcVersion");
    return major[0] + "." + minor[0];
  }

  /** Architectures that the compiler knows, as the numbers in sm_90, ascending. */
  List<Integer> architectures() {
    int[] count = new int[1];
    check(JNvrtc.nvrtcGetNumSupportedArchs(count), "nvrtcGetNumSupportedArchs");
    int[] architectures = new int[count[0]];
    check(JNvrtc.nvrtcGetSupportedArchs(architectures), "nvrtcGetSupportedArchs");
    return Arrays.stream(architectures).sorted().boxed().toList();
  }

  /** The options of a compilation, in a fixed order. */
  static List<String> options(int architecture, Map<String, Integer> defines) {
    List<String> options = new ArrayList<>();
    options.add("--gpu-architecture=sm_" + architecture);
    options.add("--std=c++17");
    // Exponentials and divisions take half the instructions where denormal floats may be zeros.
    options.add("--ftz=true");
    new TreeMap<>(defines).forEach((name, value) -> options.add("-D" + name + "=" + value));
    return options;
  }

  /**
   * Compiles for one architecture.
   *
   * @throws CudaException with the compiler's log
   */
  Result compile(KernelSource source, List<String> options) {
    unavailable.ifPresent(
        reason -> {
          throw new CudaException(reason);
        });
    nvrtcProgram program = new nvrtcProgram();
    String[] names = source.headers().keySet().toArray(String[]::new);
    String[] headers = source.headers().values().toArray(String[]::new);
    check(
        JNvrtc.nvrtcCreateProgram(
            program, source.text(), source.file(), names.length, headers, names),
        "nvrtcCreateProgram of " + source.file());
    try {
      int status =
          JNvrtc.nvrtcCompileProgram(program, options.size(), options.toArray(String[]::new));
      String[] log = new String[1];
      check(JNvrtc.nvrtcGetProgramLog(program, log), "nvrtcGetProgramLog");
      if (status != nvrtcResult.NVRTC_SUCCESS) {
        throw new CudaException(
            source.file()
                + " does not compile with "
                + String.join(" ", options)
                + ": "
                + nvrtcResult.stringFor(status)
                + "\n"
                + log[0]);
      }
      String[] ptx = new String[1];
      check(JNvrtc.nvrtcGetPTX(program, ptx), "nvrtcGetPTX of " + source.file());
      return new Result(
          new CompiledKernels(cubin(program, source), KernelSignature.parse(ptx[0])), log[0]);
    } finally {
      JNvrtc.nvrtcDestroyProgram(program);
    }
  }

  private static byte[] cubin(nvrtcProgram program, KernelSource source) {
    long[] size = new long[1];
    check(JNvrtc.nvrtcGetCUBINSize(program, size), "nvrtcGetCUBINSize of " + source.file());
    byte[] cubin = new byte[Math.toIntExact(size[0])];
    check(JNvrtc.nvrtcGetCUBIN(program, cubin), "nvrtcGetCUBIN of " + source.file());
    return cubin;
  }

  private static void check(int status, String call) {
    if (status != nvrtcResult.NVRTC_SUCCESS) {
      throw new CudaException(call + " failed with " + nvrtcResult.stringFor(status));
    }
  }

  /**
   * The newest architecture that the compiler knows and whose code runs on a device: of the same
   * major version, and not newer.
   *
   * @throws CudaException if the compiler is older than the device
   */
  int architectureFor(CudaDevice device) {
    return architectures().stream()
        .filter(known -> known <= device.architecture())
        .filter(known -> known / 10 == device.architecture() / 10)
        .max(Integer::compare)
        .orElseThrow(
            () ->
                new CudaException(
                    "NVRTC "
                        + version()
                        + " is older than "
                        + device.describe()
                        + "; it knows "
                        + IntStream.of(architectures().stream().mapToInt(a -> a).toArray())
                            .mapToObj(a -> "sm_" + a)
                            .toList()
                        + ". Install a newer NVRTC"));
  }
}
