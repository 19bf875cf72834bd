package org.turboesm.engine.cpu;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.Precision;

/** The native library, loaded once a JVM and for the JVM's life, and its processor as an engine. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class OneDnn {
  /** What the kernels say that multiply bytes without saturating in between. */
  private static final Pattern EXACT_BYTES = Pattern.compile("vnni|amx");

  private static final Pattern FAST_BFLOAT16 = Pattern.compile("bf16|amx");

  private static OneDnn loaded;
  private static Optional<String> refusal;

  private final engine processor;
  private final OpenMp openMp;
  private final Map<Precision, MatmulFormat> formats = new EnumMap<>(Precision.class);
  private final String floatKernel;

  private OneDnn() {
    processor = new engine(engine.kind.cpu, 0);
    processor.retainReference();
    openMp = OpenMp.ofLoadedLibrary();
    openMp.useOneThread();
    floatKernel = probe(MatmulFormat.F32);
    formats.put(Precision.F32, MatmulFormat.F32);
    probeOthers();
  }

  private void probeOthers() {
    try {
      if (FAST_BFLOAT16.matcher(probe(MatmulFormat.BF16)).find()) {
        formats.put(Precision.BF16, MatmulFormat.BF16);
      }
    } catch (RuntimeException e) {
      // The processor has no bfloat16: one precision fewer.
    }
    boolean exact = EXACT_BYTES.matcher(probe(MatmulFormat.INT8)).find();
    formats.put(Precision.INT8, exact ? MatmulFormat.INT8 : MatmulFormat.SHIFTED_INT7);
  }

  /** The kernel of a layer as any model has it; what runs it runs the others. */
  private String probe(MatmulFormat format) {
    try (MatmulFamily family = new MatmulFamily(this, new MatmulShape(256, 1024, true, format))) {
      return family.kernel();
    }
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
      loaded = new OneDnn();
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

  /**
   * What this processor runs at its own speed, the default first: bf16, whose embeddings are f32's
   * to a few parts in a million, then f32, then int8.
   */
  List<Precision> precisions() {
    return Stream.of(Precision.BF16, Precision.F32, Precision.INT8)
        .filter(formats::containsKey)
        .toList();
  }

  /**
   * How a precision is computed here.
   *
   * @throws TurboEsmException where it is not
   */
  MatmulFormat format(Precision precision) {
    MatmulFormat format = formats.get(precision);
    if (format == null) {
      throw new TurboEsmException(
          "this processor has no "
              + precision.label()
              + " instructions; use --precision "
              + String.join(" or ", precisions().stream().map(Precision::label).toList()));
    }
    return format;
  }

  /** For people: version, instruction set and implementation. */
  String description() {
    try (PointerScope scope = new PointerScope()) {
      dnnl_version_t version = dnnl.dnnl_version();
      String[] parts = floatKernel.split(":", 2);
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
