package org.turboesm.engine.cpu;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.opencl.User_func_Pointer;
import org.turboesm.TurboEsmException;

/**
 * Holds oneDNN's OpenMP to the calling thread. An executor runs as many tasks as it has cores, so a
 * team of threads in each would only wait for one another. Spark sets OMP_NUM_THREADS on a
 * cluster's executors but not in local mode, and a JVM cannot change its own environment; OpenMP's
 * own {@code omp_set_num_threads} counts for the thread that calls it and nothing else in the
 * process.
 *
 * <p>No Java binding of that function is on the class path. JavaCPP knows its address, and has a
 * caller for a C function of one pointer and no result ({@code void(*)(void*)}, from OpenCL). In
 * the calling convention of x86-64 Linux an int argument and a pointer argument are the same
 * register, so this caller passes the int.
 */
final class OpenMp {
  private static final String FUNCTION = "omp_set_num_threads";

  private final User_func_Pointer setNumThreads;
  private final IntArgument one = new IntArgument(1);

  private OpenMp(User_func_Pointer setNumThreads) {
    this.setNumThreads = setNumThreads;
  }

  /** Binds to the OpenMP that the loaded oneDNN uses. */
  static OpenMp ofLoadedLibrary() {
    Pointer address = Loader.addressof(FUNCTION);
    if (address == null) {
      throw new TurboEsmException(
          "the OpenMP library beside oneDNN has no " + FUNCTION + "; use the bundled libgomp");
    }
    PointerPointer<Pointer> slot = new PointerPointer<>(1);
    slot.retainReference();
    slot.put(0, address);
    return new OpenMp(new User_func_Pointer(slot));
  }

  /**
   * From here on, what this thread makes and runs in oneDNN takes this thread alone. Cheap enough
   * to say before every call, so no other library's setting for the thread can last.
   */
  void useOneThread() {
    setNumThreads.call(one);
  }

  /** An int where a pointer is asked for; never dereferenced. */
  private static final class IntArgument extends Pointer {
    IntArgument(int value) {
      address = value;
    }
  }
}
