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
          "How keys and values are packed: default, paper, paper-sign, int8, int4, uniform,"
              + " fp8-e4m3, hadamard, hadamard-channel or svd; turboesm fidelity --list-codecs says"
              + " what each is. Default: ${DEFAULT-VALUE}.")
  private String codec;

  @Option(
      names = "--bits",
      paramLabel = "K[,V]",
      description =
          "Mean bits a value, multiples of 1/8: one number, or one for keys and one for values, which"
              + " then stay apart. Default: 3, or those that the codec's name fixes.")
  private String bits;

  @Option(
      names = "--allotment",
      paramLabel = "SET",
      description =
          "Among which channels bits may move, the total exact: separate (the keys of a head, and"
              + " its values), head (both together), layer or model. Default: head, or separate where"
              + " --bits are two numbers or the codec does not measure keys and values in one"
              + " unit.")
  private String allotment;

  @Option(
      names = "--calibration-proteins",
      paramLabel = "N",
      defaultValue = "64",
      description = "Proteins of the input to calibrate on, at most. Default: 64.")
  private int proteins;

  CodecSpec codec() {
    return CodecSpec.parse(codec, bits, allotment);
  }

  int proteins() {
    return Options.requirePositive("--calibration-proteins", proteins);
  }
}
