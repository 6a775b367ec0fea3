"""What every host of the handlers needs: their start and stop, listeners, files for kernels."""
