package org.turboesm.job.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.spark.network.util.JavaUtils;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.MemoryPlan;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.Esm2Family;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ModelLocator;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "plan",
    description = {
      "Say whether a model fits a GPU's memory, and what takes how much of it.",
      "Nothing is loaded: it is computed from the sizes of the model. The exit status is 1 where it"
          + " does not fit."
    },
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class PlanCommand implements Callable<Integer> {
  private static final int TOKENS_A_PROTEIN = 256;

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      required = true,
      description =
          "8M, 35M, 150M, 650M, 3B or 15B, or a model as --model of run names it; its config.json is"
              + " read, and its weights need not be there.")
  private String model;

  @Option(
      names = "--gpu-memory",
      paramLabel = "SIZE",
      required = true,
      description =
          "Of the GPU: a number with k, m, g or t behind it, powers of 1024, such as 24g.")
  private String gpuMemory;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      defaultValue = "bf16",
      description = "As that of run, but for auto. Default: ${DEFAULT-VALUE}.")
  private String precision;

  @Option(
      names = "--batch-tokens",
      paramLabel = "N",
      defaultValue = "8192",
      description = "Tokens that the GPU runs at once. Default: ${DEFAULT-VALUE}.")
  private int batchTokens;

  @Option(
      names = "--kv-tokens",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Tokens that are cached at once, in modes turbo and decode; 0 for mode encode alone."
              + " Default: ${DEFAULT-VALUE}.")
  private int kvTokens;

  @Option(
      names = "--kv-proteins",
      paramLabel = "N",
      description =
          "Proteins that these are of; each has a last block, of which a part may be free, or a"
              + " tail in full precision. Default: one for each "
              + TOKENS_A_PROTEIN
              + " tokens.")
  private Integer kvProteins;

  @Option(
      names = "--codec",
      paramLabel = "CODEC",
      defaultValue = "default",
      description = "How they are packed, as that of run. Default: ${DEFAULT-VALUE}.")
  private String codec;

  @Option(
      names = "--bits",
      paramLabel = "K[,V]",
      description =
          "Mean bits a cached value, as those of run. Default: 3, or those that the codec's name"
              + " fixes.")
  private String bits;

  @Option(
      names = "--reserve",
      paramLabel = "SIZE",
      defaultValue = "1g",
      description =
          "What stays free for the driver's context, kernels and other programs. Default:"
              + " ${DEFAULT-VALUE}.")
  private String reserve;

  @Override
  public Integer call() {
    EsmConfig config = config();
    MemoryDemand demand = Options.read(spec, () -> demand(config, precision()));
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "model %s: %d layers, hidden size %d, %d heads%n",
        model,
        config.layers(),
        config.hiddenSize(),
        config.heads());
    demand.lines().forEach(out::println);
    out.flush();
    if (!demand.fits()) {
      throw new TurboEsmException(refusal(config, demand));
    }
    return CommandLine.ExitCode.OK;
  }

  private EsmConfig config() {
    return Esm2Family.config(model)
        .orElseGet(() -> EsmConfig.read(ModelLocator.locate(model).resolve("config.json")));
  }

  private Precision precision() {
    return Precision.parse(precision)
        .orElseThrow(
            () ->
                new TurboEsmException(
                    "--precision is auto, which the GPU decides: name one, such as bf16"));
  }

  private MemoryDemand demand(EsmConfig config, Precision format) {
    if (kvTokens < 0) {
      throw new TurboEsmException("--kv-tokens is " + kvTokens + ", expected 0 or more");
    }
    return demand(config, format, kvTokens);
  }

  private MemoryDemand demand(EsmConfig config, Precision format, int cachedTokens) {
    int proteins =
        kvProteins != null
            ? Options.requirePositive("--kv-proteins", kvProteins)
            : (int) ((cachedTokens + TOKENS_A_PROTEIN - 1L) / TOKENS_A_PROTEIN);
    CodecSpec packing = CodecSpec.parse(codec, bits, null);
    packing.requireHeadDim(config.headDim());
    return new MemoryDemand(
        new MemoryPlan(config, format),
        bytes("--gpu-memory", gpuMemory),
        bytes("--reserve", reserve),
        Options.requirePositive("--batch-tokens", batchTokens),
        cachedTokens,
        proteins,
        packing);
  }

  /** The most tokens whose cache fits beside the batch; 0 where not one's does. */
  private int largestCache(EsmConfig config, Precision format) {
    int fitting = 0;
    int excess = kvTokens;
    while (excess - fitting > 1) {
      int middle = fitting + (excess - fitting) / 2;
      if (demand(config, format, middle).fits()) {
        fitting = middle;
      } else {
        excess = middle;
      }
    }
    return fitting;
  }

  private static long bytes(String option, String size) {
    try {
      long bytes = JavaUtils.byteStringAsBytes(size);
      if (bytes >= 0) {
        return bytes;
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message below.
    }
    throw new TurboEsmException(option + " is \"" + size + "\", expected a size such as 24g");
  }

  private String refusal(EsmConfig config, MemoryDemand demand) {
    String refused =
        String.format(
            Locale.ROOT,
            "model %s in %s does not fit %s: %,d MiB are missing; ",
            model,
            demand.plan().precision().label(),
            gpuMemory,
            (demand.total() - demand.available() + (1 << 20) - 1) >> 20);
    List<String> smaller = new ArrayList<>();
    int largestCache = largestCache(config, demand.plan().precision());
    if (largestCache > 0) {
      smaller.add("--kv-tokens " + largestCache + " or less");
    }
    if (demand.largestBatch() > 0) {
      smaller.add("--batch-tokens " + demand.largestBatch() + " or less");
    }
    if (!smaller.isEmpty()) {
      return refused + "take " + String.join(", or ", smaller);
    }
    List<Precision> others =
        Arrays.stream(Precision.values())
            .filter(other -> demand(config, other).largestBatch() > 0)
            .toList();
    if (!others.isEmpty()) {
      return refused
          + "take --precision "
          + others.stream().map(Precision::label).collect(Collectors.joining(" or "))
          + ", or a GPU with more memory";
    }
    return refused + "take a GPU with more memory or a smaller model";
  }
}
