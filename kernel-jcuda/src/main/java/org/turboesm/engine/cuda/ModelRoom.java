package org.turboesm.engine.cuda;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.cuda.CudaContext;
import org.turboesm.engine.MemoryPlan;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.KvCodec;

/**
 * Whether a device has room for a model, and the words for when it has not. A model that does not
 * fit is no {@link OutOfDeviceMemoryException}: a smaller batch would not help.
 */
final class ModelRoom {
  private static final List<Precision> ALTERNATIVES = List.of(Precision.BF16, Precision.INT8);

  private final CudaContext context;
  private final EsmConfig config;
  private final boolean lmHead;
  private final Precision precision;

  /**
   * @param lmHead whether the model has a language-model head
   */
  ModelRoom(CudaContext context, EsmConfig config, boolean lmHead, Precision precision) {
    this.context = context;
    this.config = config;
    this.lmHead = lmHead;
    this.precision = precision;
  }

  /** What a model and one lane take before the first batch. */
  private long residentBytes(Precision of) {
    MemoryPlan plan = new MemoryPlan(config, of);
    return plan.weightBytes() - (lmHead ? 0 : plan.lmHeadBytes()) + Lane.fixedBytes();
  }

  /**
   * Refuses a model that cannot fit, before anything of it is uploaded.
   *
   * @throws TurboEsmException with what is needed, what is free, and what would fit
   */
  void requireResident() {
    long free = context.freeBytes();
    if (residentBytes(precision) > free) {
      throw refusal(free);
    }
  }

  /** The refusal of a model for which memory ran out in spite of {@link #requireResident}. */
  TurboEsmException refusal(OutOfDeviceMemoryException cause) {
    TurboEsmException refusal = refusal(context.freeBytes() + context.allocatedBytes());
    refusal.initCause(cause);
    return refusal;
  }

  private TurboEsmException refusal(long free) {
    return new TurboEsmException(
        String.format(
            Locale.ROOT,
            "the model does not fit on %s: in %s it takes %s, and %s are free. %s",
            context.device().describe(),
            precision.label(),
            mebibytes(residentBytes(precision)),
            mebibytes(free),
            remedy(free, 0)));
  }

  /** The refusal of a codec for which there is no room beside the model. */
  TurboEsmException refusalOfFolding(KvCodec codec, OutOfDeviceMemoryException cause) {
    long tableBytes = tableBytes(codec);
    long free = context.freeBytes();
    TurboEsmException refusal =
        new TurboEsmException(
            String.format(
                Locale.ROOT,
                "modes turbo and decode do not fit beside the model on %s: in %s they take about"
                    + " another %s, and %s are free. %s",
                context.device().describe(),
                precision.label(),
                mebibytes(new MemoryPlan(config, precision).foldedBytes() + tableBytes),
                mebibytes(free),
                remedy(free + context.allocatedBytes(), tableBytes)));
    refusal.initCause(cause);
    return refusal;
  }

  /** A codec's maps, and its look-up tables at most, but for what says where they lie. */
  private long tableBytes(KvCodec codec) {
    MemoryPlan plan = new MemoryPlan(config, precision);
    int channels = config.layers() * config.heads() * config.headDim();
    int widestCode =
        codec.heads().stream()
            .flatMap(List::stream)
            .flatMap(head -> Stream.of(head.keyCodebook(), head.valueCodebook()))
            .mapToInt(codebook -> codebook.bits(codebook.widestFirst(0)))
            .max()
            .orElseThrow();
    double bits = (double) codec.packedBitsPerToken() / channels;
    return plan.codecMapBytes() + plan.codecTableBytes(bits, Math.max(1, widestCode));
  }

  /**
   * @param free bytes without this model
   * @param tableBytes of a codec, or 0 where the model is to run without
   */
  private String remedy(long free, long tableBytes) {
    String smaller =
        ALTERNATIVES.stream()
            .map(candidate -> new MemoryPlan(config, candidate))
            .filter(plan -> plan.weightBytes() < new MemoryPlan(config, precision).weightBytes())
            .filter(
                plan ->
                    residentBytes(plan.precision())
                            + (tableBytes == 0 ? 0 : plan.foldedBytes() + tableBytes)
                        <= free)
            .map(
                plan ->
                    String.format(
                        Locale.ROOT,
                        "--precision %s would fit (%s)",
                        plan.precision().label(),
                        mebibytes(residentBytes(plan.precision()))))
            .collect(Collectors.joining(", "));
    return (smaller.isEmpty() ? "No smaller --precision would fit" : smaller)
        + "; nvidia-smi lists who else uses the GPU";
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MiB", bytes / 0x1p20);
  }
}
