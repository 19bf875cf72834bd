package org.turboesm.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What NVRTC says of kernels. Each compilation's words are kept in a folder under the hash of all
 * that went into it, so that only what changed is compiled again.
 */
public final class KernelReports {
  private static final String SIGNATURE = "kernel ";
  private static final String END = "---\n";

  private final Path folder;
  private final KernelCompiler compiler;

  /**
   * Reports kept in a folder, which is made where it is missing.
   *
   * @throws CudaException if there is no NVRTC
   */
  public KernelReports(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
    this.compiler = KernelCompiler.get();
    compiler
        .unavailable()
        .ifPresent(
            reason -> {
              throw new CudaException(reason);
            });
  }

  /** The compiler's version. */
  public String compilerVersion() {
    return compiler.version();
  }

  /** Architectures that the compiler knows, as the numbers in sm_90. */
  public List<Integer> architectures() {
    return compiler.architectures();
  }

  /**
   * Compiles a variant as the engine does, or takes what was said when it was compiled before.
   *
   * @throws CudaException if it does not compile
   */
  public List<KernelReport> of(KernelVariant variant, int architecture) {
    KernelSource source = KernelSource.read(variant.file());
    List<String> options = new ArrayList<>(KernelCompiler.options(architecture, variant.defines()));
    options.add("--ptxas-options=-v");
    Path file = folder.resolve(CubinCache.key(source, options, compiler.version()) + ".txt");
    try {
      if (!Files.exists(file)) {
        keep(file, compiler.compile(source, options));
      }
      return read(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void keep(Path file, KernelCompiler.Result result) throws IOException {
    StringBuilder text = new StringBuilder();
    for (KernelSignature signature : result.kernels().signatures()) {
      text.append(SIGNATURE).append(signature.name());
      signature.parameters().forEach(type -> text.append(' ').append(type));
      text.append('\n');
    }
    text.append(END).append(result.log());
    Path temporary = Files.createTempFile(folder, "new-", ".txt");
    Files.writeString(temporary, text);
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static List<KernelReport> read(String text) {
    int end = text.indexOf(END);
    List<KernelSignature> signatures =
        text.substring(0, end)
            .lines()
            .map(line -> line.substring(SIGNATURE.length()).split(" ", -1))
            .map(
                words ->
                    new KernelSignature(
                        words[0], List.of(Arrays.copyOfRange(words, 1, words.length))))
            .toList();
    return KernelReport.parse(text.substring(end + END.length()), signatures);
  }
}
