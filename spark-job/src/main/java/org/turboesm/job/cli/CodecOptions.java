package org.turboesm.job.cli;

import org.turboesm.calibration.CodecSpec;
import picocli.CommandLine.Option;

/** What a calibration fits. */
final class CodecOptions {
  @Option(
      names = "--codec",
      paramLabel = "CODEC",
      defaultValue = "default",
      description =
          "How keys and values are packed: default, paper or paper-sign. Default: default.")
  private String codec;

  @Option(
      names = "--bits",
      paramLabel = "K[,V]",
      defaultValue = "3",
      description = "Bits a value: one number, or one for keys and one for values. Default: 3.")
  private String bits;

  @Option(
      names = "--calibration-proteins",
      paramLabel = "N",
      defaultValue = "64",
      description = "Proteins of the input to calibrate on, at most. Default: 64.")
  private int proteins;

  CodecSpec codec() {
    return CodecSpec.parse(codec, bits);
  }

  int proteins() {
    return Options.requirePositive("--calibration-proteins", proteins);
  }
}
