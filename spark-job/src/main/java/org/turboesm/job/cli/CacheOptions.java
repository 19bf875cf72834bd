package org.turboesm.job.cli;

import java.util.List;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.Prefill;
import org.turboesm.job.action.RunSettings;
import org.turboesm.job.action.RunSettings.CalibrationSettings;
import org.turboesm.udf.Mode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The modes, and what those over the packed cache need. */
final class CacheOptions {
  @Option(
      names = "--modes",
      paramLabel = "LIST",
      description =
          "Which of encode, turbo, decode: the ordinary pass, the same over the packed cache, and"
              + " token by token over it. Default: all three.")
  private List<String> modes = List.of();

  @Mixin private CodecOptions codec;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "A calibration to use, of these weights, instead of fitting one; --codec and --bits are"
              + " then its own.")
  private String calibration;

  @Option(
      names = "--prefill",
      paramLabel = "P",
      defaultValue = "0.5",
      description =
          "How much of a protein mode decode prefills: a fraction like 0.5 or a count of tokens"
              + " like 128. Default: ${DEFAULT-VALUE}.")
  private String prefill;

  @Option(
      names = "--fidelity-sample",
      paramLabel = "N",
      defaultValue = "32",
      description =
          "Proteins to measure fidelity on, none of them seen by calibration: a number, 0 for none,"
              + " or all. Default: ${DEFAULT-VALUE}.")
  private String fidelitySample;

  List<Mode> modes() {
    List<String> words = Options.split(modes);
    return words.isEmpty() ? List.of(Mode.values()) : words.stream().map(Mode::parse).toList();
  }

  CalibrationSettings calibration() {
    return new CalibrationSettings(calibration, codec.codec(), codec.proteins());
  }

  Prefill prefill() {
    return Prefill.parse(prefill);
  }

  int fidelitySample() {
    if (fidelitySample.equals("all")) {
      return RunSettings.ALL;
    }
    try {
      int sample = Integer.parseInt(fidelitySample);
      if (sample >= 0) {
        return sample;
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message below.
    }
    throw new TurboEsmException(
        "--fidelity-sample is \"" + fidelitySample + "\", expected a number, 0 or all");
  }
}
