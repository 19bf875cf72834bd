package org.turboesm.engine.cpu;

import java.util.Optional;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.Linear;

/** The native library, loaded once a JVM and for the JVM's life, and its processor as an engine. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class OneDnn {
  /** A layer as any model has it; what runs it runs the others. */
  private static final MatmulShape PROBE = new MatmulShape(256, 1024, Linear.Epilogue.GELU);

  private static OneDnn loaded;
  private static Optional<String> refusal;

  private final engine processor;
  private final OpenMp openMp;
  private String kernel;

  private OneDnn() {
    processor = new engine(engine.kind.cpu, 0);
    processor.retainReference();
    openMp = OpenMp.ofLoadedLibrary();
  }

  /**
   * Loads the library where that has not been tried yet.
   *
   * @return why it cannot be used and what to do about it, or empty where it can
   */
  static synchronized Optional<String> refusal() {
    if (refusal == null) {
      refusal = tryLoading();
    }
    return refusal;
  }

  /**
   * The loaded library.
   *
   * @throws TurboEsmException with the {@link #refusal}
   */
  static OneDnn get() {
    Optional<String> reason = refusal();
    if (reason.isPresent()) {
      throw new TurboEsmException(reason.get());
    }
    synchronized (OneDnn.class) {
      return loaded;
    }
  }

  private static Optional<String> tryLoading() {
    // JavaCPP refuses to make any object, however small, once the process is larger than four times
    // the Java heap. Resident weights are native memory and pass that in a small heap.
    if (System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes") == null) {
      System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    }
    try (PointerScope scope = new PointerScope()) {
      Loader.load(dnnl.class);
      OneDnn library = new OneDnn();
      library.openMp.useOneThread();
      try (MatmulFamily family = new MatmulFamily(library, PROBE)) {
        library.kernel = family.kernel();
      }
      loaded = library;
      return Optional.empty();
    } catch (LinkageError e) {
      return Optional.of(
          "the native library oneDNN does not load ("
              + e.getMessage()
              + "); the class path needs org.bytedeco:dnnl, opencl and javacpp with their"
              + " linux-x86_64 jars, and the folder they are unpacked to"
              + " (-Dorg.bytedeco.javacpp.cachedir) must be writable and not mounted noexec");
    } catch (RuntimeException e) {
      return Optional.of(e.getMessage());
    }
  }

  engine processor() {
    return processor;
  }

  OpenMp openMp() {
    return openMp;
  }

  /** For people: version, instruction set and implementation. */
  String description() {
    try (PointerScope scope = new PointerScope()) {
      dnnl_version_t version = dnnl.dnnl_version();
      String[] parts = kernel.split(":", 2);
      return "oneDNN "
          + version.major()
          + "."
          + version.minor()
          + "."
          + version.patch()
          + " "
          + parts[parts.length - 1]
          + " ("
          + parts[0]
          + ")";
    }
  }
}
